"""Files of rows into tables: read whole, typed with a reason, shown before anything is written."""
