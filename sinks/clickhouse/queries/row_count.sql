-- How many rows of a table do readers see?
SELECT count() FROM {table:Identifier} FINAL
