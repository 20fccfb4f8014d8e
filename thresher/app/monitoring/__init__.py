"""``thresher monitor``: a log of requests and audit labels become numbers, alarms, a page."""
