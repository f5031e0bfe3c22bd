"""Files that strangers wrote: IDX, npy, npz, pictures, each read with everything in it checked.

`user` chooses the reader, `arrays` says what fields must look like; `picture` reads a PNG or JPEG
file, `folder` a folder of them. May import what data may.
"""
