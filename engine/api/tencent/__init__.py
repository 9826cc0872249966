"""Tencent Cloud's live API (2018-08-01), a part of its VOD API (2018-07-17), and the legacy v2 actions."""
