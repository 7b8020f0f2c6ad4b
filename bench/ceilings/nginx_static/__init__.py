"""nginx with a static file: what serving bytes costs when nothing is computed."""
