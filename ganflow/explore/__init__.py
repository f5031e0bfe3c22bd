"""The space of z: what G makes of it, looked at from a trained model.

    space        a sampler as a function of z alone
    walking      ways from z to z, along components and along directions
    directions   which directions G hears most: singular vectors of its first layer
    attributes   what a picture shows, read by the judge's classifier or the drawings' readers
    algebra      A - B + C of groups of z, and how often it comes out
    projection   the z whose sample is nearest to a given picture
    views        all of these as pictures, arrays and lines of text

Imports judging, trained, pictures and what lies below them; nothing of summaries, the engine or
the programs.
"""
