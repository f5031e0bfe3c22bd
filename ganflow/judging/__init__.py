"""How good samples are: the figures, what they are compared with, and the reports of them.

    metrics      figures on arrays
    classifier, classifier_training, classifier_cache   the network whose features are compared
    features     or a network of the user's own
    splits       training and held-out examples
    factors      what drawings and arrows show, read without any network
    evaluation   the judge: the real side once, then any number of samples
    reports      a run's checkpoints or a file of samples, judged; `telling` writes what was found

Imports trained, pictures, models, data and what lies below them; nothing of summaries, the engine
or the programs. Keras, SciPy and scikit-learn are imported where they are used: they take seconds,
and most trainings need none of them.
"""
