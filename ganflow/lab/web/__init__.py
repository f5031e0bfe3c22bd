"""The lab in a browser: a page on this machine that shows the engine at work, and is its controls.

    bench.py      `Bench`: a run and a lab over one model; whole steps are the engine's own
    setting.py    `Setting`: what a bench is built from; flags, a workdir, or points that were drawn
    keeping.py    a bench's state as an ordinary workdir
    asking.py     `Question`: what an update would do now: its stages, losses and gradients
    looking.py    `Look`: what one sampler shows: a plane with points, or images with D's scores
    heat.py       weights and gradients as matrices small enough to be shown
    doctor.py     the diagnosis of what is under way
    curves.py     losses as they grow, in as many points as a page shows
    stages.py     an update in slow motion: five stages, and what each produced
    equations.py  the model's equations, and where values belong in them
    frames.py     what a page is told: the model, its weights, their fingerprint
    showing.py    `Shown`: one bench as pages see it
    trainer.py    the one thread that touches TensorFlow: obeys, steps, makes frames
    goals.py      what is under way, in pieces of how many steps
    commands.py   what a page may ask of it, checked
    wire.py       frames as JSON
    server.py     who is let in, and what is answered
    serving.py    `serve`: from an address to the end
    page/         HTML, style and scripts, as they are sent

Requests are answered by threads that touch no TensorFlow: they read the newest frame, or leave a
command and wait. So a slow page, or one that is gone, costs the training nothing.
"""
