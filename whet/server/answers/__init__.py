"""What answers hold, by resource: the types of which the API's schema, and with it the page's client, is made."""
