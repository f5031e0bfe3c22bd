"""Files that strangers wrote: IDX, npy and npz, each read with every number in it checked.

`user` chooses the reader, `arrays` says what fields must look like. May import what data may.
"""
