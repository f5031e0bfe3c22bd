"""The mathematics of networks: layers, losses, optimizers, random draws; nothing knows a GAN.

`replicas` alone names `tf.distribute`. May import base and storage.
"""
