"""Update rules of optimizers: checked, and the altered rule that explains them."""
