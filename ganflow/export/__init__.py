"""A trained generator to take along: SavedModel, TFLite, and a page that runs it in a browser.

`tracing` writes down what a sampler computes as a short list of steps (`program`), in the words of
`words`; `running` carries it out with TensorFlow, and `page/words.js` with TensorFlow.js. `saved`
and `lite` write TensorFlow's own formats, `pages` the page; `exporting` does all three and holds
each against Python's own samples.

May import anything below `programs`.
"""
