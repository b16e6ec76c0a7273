"""The HTTP interface of a node: routes, problems, and the page that describes them."""
