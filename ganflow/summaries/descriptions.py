"""What each of a run's tags in TensorBoard means: Markdown, behind the (i) of a chart."""

import re

_MEAN = "mean over the steps since the summary before"
_FIXED = "the same z's and real examples at every summary"
_JUDGE = "of the judge, on fresh samples against held-out real ones"

# The first pattern that matches a whole tag counts; a sampler's name may stand before it.
_OF_TAGS = {
    # losses and other scalars of the updates
    r"(Loss|trial)/(.*_)?d_loss": f"D's loss, {_MEAN}. For a logistic loss it is 2 log 2 = 1.386 "
    "(log 2 for the mean of its two halves) where D knows nothing; a critic's is below 0.",
    r"(Loss|trial)/(.*_)?g_loss": f"G's loss, {_MEAN}. For -log D(G(z)) it is log 2 = .693 where D "
    "knows nothing; a critic's may drift anywhere.",
    r"Loss/cycle_loss": f"mean |there and back again - x| of both domains, {_MEAN}: it proves "
    "nothing, for generators that change nothing have none.",
    r"Loss/adversarial_loss": f"What D's judgement adds to G's loss, {_MEAN}, before its weight.",
    r"Loss/pretrain_loss": f"SRResNet's mean square error in pixels of [-1, 1], {_MEAN}.",
    r"Loss/content_loss": f"How far SRGAN's pictures are from the true ones, in pixels or in "
    f"features, {_MEAN}: it rises where D draws G away from their mean.",
    r"Loss/colour_loss": f"StackGAN++'s squared differences of colours' means and covariances "
    f"between neighbouring branches, {_MEAN}; without its weight.",
    r"Loss/.+": f"A loss of this model, {_MEAN}.",
    r"d_output/d_real": f"D's output on real examples, {_MEAN}: its probability of real, or a "
    "critic's score.",
    r"d_output/d_fake": f"D's output on generated examples, {_MEAN}: its probability of real, or a "
    "critic's score.",
    r"train/convergence": f"BEGAN's M = L(x) + |gamma L(x) - L(G(z))|, {_MEAN}: it falls as "
    "samples get better.",
    r"train/k": f"BEGAN's k, {_MEAN}: how much D minds rebuilding generated images well; between 0 "
    "and 1.",
    r"train/(stage_1_)?kl": "KL divergence of the numbers drawn from a caption from N(0, 1), in "
    f"nats a number, {_MEAN}: 0 where the caption says nothing.",
    r"train/information_category": f"InfoGAN's lower bound on what an image tells of its category, "
    f"in nats, {_MEAN}: at most log 10 = 2.30.",
    r"train/information_codes": f"What an image tells of InfoGAN's codes beyond their mean, in "
    f"nats, {_MEAN}: at most 1/6 a code.",
    r"train/wasserstein_estimate": f"mean D(x) - mean D(G(z)), {_MEAN}: the critic's estimate of "
    "the Wasserstein distance; it should fall.",
    r"train/gradient_penalty": f"mean (|grad D| - 1)^2 between real and generated, {_MEAN}; without"
    " its weight.",
    r"train/epoch": "How often the training has gone through the data set.",
    r"(train|trial)/steps_per_second": "Training steps a second since the summary before, summaries"
    " included.",
    # what one sees of D and of the samples
    r"accuracy/d_real|d_accuracy_real": f"Share of real examples that D takes for real; {_FIXED}.",
    r"accuracy/d_fake|d_accuracy_fake": "Share of generated examples that D takes for generated; "
    f"{_FIXED}.",
    r"accuracy/d_held_out|d_accuracy_held_out": "Share of held-out real examples that D takes for "
    "real. Far below the accuracy on real, D learns by heart.",
    r"(train/)?d_ranking": "Share of (real, generated) pairs in which D scores the real one as the "
    "more real; .5 where it knows nothing.",
    r"(train/)?d_saturated_share": "Share of D's sigmoids within .001 of 0 or 1, where no gradient "
    "passes.",
    r"(train/)?saturated_share": "Share of G's output pixels at their limits, beyond .99.",
    r"(train/)?saturated_units_share": "Share of outputs at their limits, in the worst hidden tanh "
    "or sigmoid layer.",
    r"(train/)?dead_units_share": "Share of units that give 0 for every example, in the worst ReLU "
    "layer.",
    r"(train/)?pairwise_distance_ratio": "Mean distance between samples over that between real "
    "examples: 1 is right, near 0 is mode collapse.",
    r"((train|trial)/)?energy_distance_ratio": "Energy distance of samples and real examples, over "
    "the mean distance between real ones: 0 where they are alike.",
    r"(train/)?cells_ratio": "Of how many kinds samples are, over what as many real ones come to; "
    "kinds are 20 cells of k-means over real examples: 1 is right, near 0 is mode collapse.",
    r"(train/)?patch_distance_ratio": "Energy distance of pieces of 5 x 5 pixels, over the mean "
    "distance between real ones: 0 where strokes and edges are as real ones, above .015 in noise.",
    r"(train/)?modes_reached": "Modes of the mixture that are nearest to a tenth of a fair share of"
    " the samples.",
    r"((train|trial)/)?modes_captured": "Modes of the mixture with a sample within 3 standard "
    "deviations.",
    # gradients and weights
    r"gradient/.+": "Norm of the gradient that this update applied, over all its weights; of one "
    "step, the last before the summary.",
    r"weight/.+/norm": "|w|, the root of the sum of squares of this weight's numbers.",
    r"weight/.+/update_ratio": "|w after - w before| / |w before| of ONE step: how far it moved the"
    " weight. About .001 is common.",
    r"weight/.+/.*gradient_norm": "Norm of this weight's gradient in the update of that name; of "
    "one step, the last before the summary.",
    r"weight/.+/largest_singular_value": "The weight's largest singular value, a kernel taken as a "
    "matrix [height width in, out]. D's grow before a run turns unstable.",
    r"weight/.+/dead_units": "Share of this ReLU layer's units that give 0 for every example.",
    r"weight/.+": "All numbers of this weight.",
    r"optimizer/.+/norm": "Norm of what the optimizer keeps of this weight: Adam's means of its "
    "gradient (m) and of its square (v), or a momentum.",
    r"optimizer/.+": "What the optimizer keeps of this weight: Adam's means of its gradient (m) and"
    " of its square (v), or a momentum.",
    r"d_output/(real|generated|held_out)": f"D's outputs before any sigmoid; {_FIXED}.",
    # quality
    r"(eval(_ema)?|trial)/frechet_distance": f"Frechet distance of features, {_JUDGE}: 0 is best. "
    "Comparable at one number of samples alone, and with no published FID.",
    r"eval(_ema)?/patch_distance": f"Sliced Wasserstein distance of small patches, at several "
    f"scales and without any network, {_JUDGE}: 0 is best. Noise and blur raise it.",
    r"eval(_ema)?/kid": f"Kernel distance of features, {_JUDGE}: 0 is best.",
    r"eval(_ema)?/kid_std": "Standard deviation of the kernel distance over its blocks.",
    r"eval(_ema)?/precision": f"Share of samples among real examples in feature space, {_JUDGE}.",
    r"(eval(_ema)?|trial)/recall": "Share of held-out real examples among samples in feature space:"
    " how much of the data is reached.",
    r"eval(_ema)?/density": f"How many real neighbourhoods a sample lies in, {_JUDGE}: 1 is right.",
    r"eval(_ema)?/coverage": "Share of held-out real examples with a sample in their "
    "neighbourhood.",
    r"eval(_ema)?/nearest_neighbour_ratio": "Distance of samples to their nearest training image, "
    "over that of held-out images: near 0 for copies, below 1 for blur too.",
    r"eval(_ema)?/class_entropy": "Entropy, in nats, of the classes that the classifier sees in the"
    " samples: log 10 = 2.30 for ten even classes.",
    r"eval(_ema)?/class_\d+": "Share of samples that the classifier takes for this class.",
    r"eval(_ema)?/conditional_accuracy": "Share of samples that the classifier takes for the class "
    "they were asked to be.",
    r"(eval(_ema)?|trial)/sliced_wasserstein": f"Sliced Wasserstein distance of points, {_JUDGE}: 0"
    " is best.",
    r"eval(_ema)?/modes_captured": "Modes of the mixture with a sample within 3 standard "
    "deviations.",
    r"eval(_ema)?/high_quality_.+": "Share of samples within so many standard deviations of a "
    "mode.",
    r"eval(_ema)?/mode_share_\d+": "Share of the high-quality samples that are nearest to this "
    "mode.",
    r"eval(_ema)?/.+": f"A figure {_JUDGE}.",
    # pictures
    r"Pictures/(.+/)?samples": f"Images: generated beside real; all that is made from the same "
    f"draws stands side by side. Points: D over the plane, and arrows where G's loss pushes the "
    f"generated points. From {_FIXED}.",
    r"Pictures/(.+/)?samples_ema": "The same by the moving average of G's weights.",
    r"Pictures/(.+/)?translation": "From points of one domain to what is made of them; lines that "
    "begin on one side have one colour.",
    r"Pictures/(.+/)?captions": "A caption a row: what was generated of it, beside the real "
    "example that has it.",
    r"Pictures/(.+/)?scores": "Histograms of D's outputs on real, generated and held-out real "
    "examples.",
    r"Pictures/(.+/)?heat": "One sample and one real example, a colour for each value: 0, and what "
    "is beyond -1 and 1, can be seen.",
    r"Pictures/wiring": "What each update draws, the networks it goes through, its losses, and "
    "what it moves.",
    r"Pictures/(.+/)?strip": "The same z's over the training: a row is a step, a column is a z.",
    r"Pictures/(.+/)?interpolation": "From one z to another, a pair of z's a row: changes without a"
    " jump are healthy.",
    r"Pictures/(.+/)?neighbours": "Samples, each beside its nearest training image: copies are "
    "learnt by heart.",
    # texts
    r"card": "What this run is, what healthy looks like, what an illness looks like.",
    r"diagnosis": "What is ill at this step: evidence, and the documents' advice.",
    r"statistics": "Summary statistics of points, real beside generated.",
    # whatever else a model's updates return
    r"train/.+": f"A figure that this model's updates return, {_MEAN}.",
}
_COMPILED = {re.compile(pattern): told for pattern, told in _OF_TAGS.items()}
_SAMPLER = re.compile(r"[^/]+/")


def of_tag(tag: str) -> str:
    """The description of a tag; "" for one that no pattern matches.

    Args:
      tag: as TensorBoard has it: "Loss/d_loss", "weight/generator/w_0/norm"; of a sampler that is
        not the main one, "b_to_a/d_accuracy_real".
    """
    for name in (tag, _SAMPLER.sub("", tag, count=1)):
        for pattern, told in _COMPILED.items():
            if pattern.fullmatch(name):
                return told
    return ""
