"""ganflow: generative adversarial networks in plain TensorFlow, one file a model."""
