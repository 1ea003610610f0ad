"Networks built from layers, from one convolution to residual networks, each drawn and priced."
from fashion_cnn.models.layers import (NORMALIZATIONS, RULES, checked, dropout_layer, normalize,
                                       stack)
from fashion_cnn.models.speed import BatchNormalization
from fashion_cnn.models.networks import (NETWORKS, ORIGINALS, a3_autoencoder, a3_dropout, a3_small,
                                         brief, build, cm6_cnn, deeper, hw2_cnn, names, register)
from fashion_cnn.models.residual import (a3_resnet, a3_resnet_meant, cm6_resnet,
                                         concatenation_block, convolution_block, hw2_resnet,
                                         identity_block, residual_path, residual_stage)
from fashion_cnn.models.slim import (BesideMirrorImages, MeanOfMembers, MeanOfMirrorImages,
                                     PartOfBatch, slim_resnet)
from fashion_cnn.models.inference import inference_model, is_own, load_model, save_model
from fashion_cnn.models.weights import half_precision, read_half_precision, weights_note
from fashion_cnn.models.lite import efficientnet_lite0, imagenet_weights, inverted_residual
from fashion_cnn.models.costs import cost, layer_table
from fashion_cnn.models.diagram import draw

__all__ = ["NORMALIZATIONS", "RULES", "NETWORKS", "ORIGINALS", "stack", "BatchNormalization",
           "normalize", "dropout_layer", "checked", "register", "cost", "layer_table", "draw",
           "a3_small", "cm6_cnn", "brief", "deeper", "a3_dropout", "hw2_cnn", "a3_autoencoder",
           "residual_path", "identity_block", "convolution_block", "concatenation_block",
           "residual_stage", "cm6_resnet", "a3_resnet", "a3_resnet_meant", "hw2_resnet",
           "BesideMirrorImages", "MeanOfMirrorImages", "PartOfBatch", "MeanOfMembers",
           "slim_resnet", "inference_model", "is_own", "save_model", "load_model",
           "half_precision", "read_half_precision", "weights_note", "inverted_residual",
           "efficientnet_lite0", "imagenet_weights", "names", "build"]
