"""What the SDK offers."""

import comity.sdk as sdk


def test_the_sdk_offers_what_it_says_and_all_that_the_tutorial_needs() -> None:
    """Every name exists, is listed once, and nothing with an underscore is among them."""
    assert len(set(sdk.__all__)) == len(sdk.__all__)
    for name in sdk.__all__:
        assert hasattr(sdk, name)
        assert not name.startswith("_")
    for name in (
        "App",
        "Row",
        "Refusal",
        "Context",
        "Reader",
        "replace",
        "require",
        "Name",
        "Amount",
    ):
        assert name in sdk.__all__


def test_every_refusal_that_an_author_may_raise_is_offered() -> None:
    """The standard refusals that concern rules are importable from one place."""
    for name in ("BadArgument", "NotAuthorized", "RowExists", "RowNotFound", "Expired"):
        assert issubclass(getattr(sdk, name), sdk.Refusal)
