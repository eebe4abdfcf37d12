"""What requests and answers look like: marshmallow schemas, without any query."""
