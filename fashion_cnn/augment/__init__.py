"Change the picture, keep the label: rotation, shift, flips, elastic warps, mixtures of images."
from fashion_cnn.augment.warping import (affine, affine_matrix, apply_matrix, blur_matrix,
                                         displacement, grid, reflect, sample, warp)
from fashion_cnn.augment.layers import (FILL_MODES, Affine, Augmentation, Brightness, CutMix,
                                        ElasticDistortion, Erasing, Geometric, LabelSmoothing,
                                        MixUp, Mixing, move_together)
from fashion_cnn.augment.pipelines import (PIPELINES, Pipeline, b_affine, b_elastic, d_cifar,
                                           e_shift_rotate, garments, mixes_labels, names, pipeline)

__all__ = ["FILL_MODES", "PIPELINES", "reflect", "sample", "affine_matrix", "apply_matrix", "grid",
           "affine", "blur_matrix", "displacement", "warp", "Augmentation", "Geometric",
           "move_together", "Affine", "ElasticDistortion", "Brightness", "Erasing", "Mixing",
           "MixUp", "CutMix", "LabelSmoothing", "Pipeline", "b_affine", "b_elastic", "d_cifar",
           "e_shift_rotate", "garments", "names", "pipeline", "mixes_labels"]
