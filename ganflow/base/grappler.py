"""What TensorFlow's optimizer of graphs, Grappler, is not to do with ours."""

import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, rewriter_config_pb2
from tensorflow.python.eager import context


def set_up() -> None:
    """Switch off two of Grappler's passes, for all functions that this process calls from now on.

    Its fusion of a convolution, a bias and an activation trips over gradients of gradients and over
    leaky ReLU: it says so on stderr, gives up, and where it works no step is faster.

    Its memory optimisation, where a step's tensors need more than some 200 MB, adds a sum of three
    or more in the order in which they come to be: two runs of the same commands, or one that was
    killed and one that was not, then differ in their last digits. No public option is for that pass
    alone, and without any of Grappler steps of small convolutions take a fifth longer.
    """
    here = context.context()
    options = config_pb2.ConfigProto()
    if here._config is not None:
        options.CopyFrom(here._config)
    off = rewriter_config_pb2.RewriterConfig.NO_MEM_OPT
    options.graph_options.rewrite_options.memory_optimization = off
    here._config = options
    tf.config.optimizer.set_experimental_options({"remapping": False})  # it reads the others anew
    if here.config.graph_options.rewrite_options.memory_optimization != off:
        raise RuntimeError("TensorFlow has moved what ganflow/base/grappler.py sets: see there")
