"""Every read that the API makes: one module per resource, each read in a transaction of its own."""
