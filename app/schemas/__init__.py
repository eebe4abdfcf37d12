"""The marshmallow schemas of requests and responses. They run no queries."""
