"""pgbench writing the rows of votes in groups: what PostgreSQL can take, with nobody in front of it."""
