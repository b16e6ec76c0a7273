"""All that an application author imports."""
