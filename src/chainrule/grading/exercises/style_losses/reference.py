"""The losses of neural style transfer, on the feature maps of a network.

A feature map is an array (height x width x channels). Complete the functions that raise
NotImplementedError.
"""

import numpy as np

#: Deeper layers count more.
weight_per_style_layer = [1.0, 2.0, 3.0, 4.0, 5.0]


# Part 4a. How far the picture's features F are from those of the content P.
def compute_content_loss(F, P):
    """The mean of (F - P)² over all entries."""
    # BEGIN SOLUTION
    return np.mean((F - P) ** 2)
    # END SOLUTION


# Part 4b. Which channels are active together, whatever the place.
def gram_matrix(F):
    """Channels x channels: Σ over positions of F_i F_j, divided by the number of positions."""
    # BEGIN SOLUTION
    a = F.reshape(-1, F.shape[-1])
    return a.T @ a / len(a)
    # END SOLUTION


# Part 4c. How far the picture's Gram matrix is from that of the style.
def compute_style_loss(F, A):
    """The mean of (G - A)² over all entries, G the Gram matrix of F and A that of the style."""
    # BEGIN SOLUTION
    return np.mean((gram_matrix(F) - A) ** 2)
    # END SOLUTION


# Part 4d. Everything together.
def calculate_loss(
    style_features, content_features, style_grams, content_targets, style_weight, content_weight
):
    """(total, style, content).

    style_features are the picture's feature maps of five layers and style_grams the Gram
    matrices of the style in the same layers: style is the sum of their style losses, each times
    its weight_per_style_layer. content_features and content_targets are lists of feature maps:
    content is the sum of their content losses. style and content already hold style_weight and
    content_weight, and total is their sum.
    """
    # BEGIN SOLUTION
    style = 0.0
    for weight, F, A in zip(weight_per_style_layer, style_features, style_grams):
        style += weight * compute_style_loss(F, A)
    content = sum(compute_content_loss(F, P) for F, P in zip(content_features, content_targets))
    style, content = style_weight * style, content_weight * content
    return style + content, style, content
    # END SOLUTION


# Part 4e. What the picture is moved by.
def style_loss_gradient(F, A):
    """The derivative of compute_style_loss(F, A) by F, of the shape of F."""
    # BEGIN SOLUTION
    a = F.reshape(-1, F.shape[-1])
    difference = gram_matrix(F) - A
    return (4 / (len(a) * difference.size) * a @ difference).reshape(F.shape)
    # END SOLUTION
