"""Images with boxes: COCO, YOLO and Pascal VOC, read into columns and written as they came."""
