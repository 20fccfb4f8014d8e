"""Rounds carried by Flower (https://flower.ai): a client app and a server app.

What is sent is a small set of weights, a head's or an adapter's; the network is on every client
already. Flower cannot be installed beside `thresher.app`: nothing here imports that.
"""
