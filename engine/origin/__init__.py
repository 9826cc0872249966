"""The embedded RTMP and HTTP-FLV origin: the default when no other is configured."""
