"""The gates: one for each claim, with what is broken on purpose, in lines of the models' files.

A figure is of 10,000 samples and of examples that were held out, where nothing else is said.
"""

from ganflow.gates import documents, one_pair, several

GATES = (*one_pair.GATES, *several.GATES, *documents.GATES)
