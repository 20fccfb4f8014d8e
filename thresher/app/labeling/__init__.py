"""A labeling session in a folder: started, handed out as files, told, judged, exported."""
