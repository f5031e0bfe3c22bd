"""What a model says of itself, and all that the rest of the house may know of it.

`fields` is what it is told of its data, `captions` turns words into token ids and back, `schedule`
is how it is trained, `sampler` what can be drawn and judged; `gans` asks any model, `tables` prints
it, `wiring` reads what feeds what in an update.
May import base, storage and nn.
"""
