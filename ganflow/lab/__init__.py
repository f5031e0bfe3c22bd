"""The lab: training by hand, for a class-room. One update, and what it did to every weight.

    bench.py      from flags to a lab: `Options`, `prepare`
    stepping.py   `Lab`: a model that is stepped update by update; `Report`: what a command did
    update.py     `Update`: one update, compiled by itself
    viewing.py    `View`: the fixed samples of one sampler, what D says of them, their picture
    lesson.py     what is typed, and what answers it: `greeting`, `typed`, `session`
    texts.py      what is printed: plain columns some 90 characters wide
    web/          the same in a browser, over an `engine.Run`

The lab knows what every model has (`ganflow.models`) and what the engine feeds it (`engine.feed`);
it has no loop of the engine's, and writes nothing but its picture; the browser's steps by the
engine's calls, and saves where it is asked to.
"""
