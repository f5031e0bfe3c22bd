"""Pictures, as uint8 arrays [h, w, 3] and PNG files; nothing here trains or asks when to draw.

`grids` tiles images and writes files, `sheets` sets images beside steps, z's and data, `strips`
keeps the rows of one, `surface` shows D over the plane, `scores` its outputs, `curves` the losses,
`wiring` what feeds what, `heat` the values of single examples, `paths` points on their way; `films`
are pictures that follow each other. May import base, storage, nn, interface, data and models.
"""
