"""What a run tells of itself while it trains, at next to no cost.

`watch` takes the moment in the training's thread (`moments`), `recorder` works out and writes
everything in another (`background`): figures of `weights` and `probes`, `diagnosis`, rows of
metrics.jsonl, TensorBoard's events (`events`, `tensorboard`, `descriptions`, `trial`), pictures
(`album`). `comparison` sets several runs side by side, `history` the steps of one.
May import everything up to judging.
"""
