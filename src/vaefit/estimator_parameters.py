"""The estimator's parameters: every setting, written out. Made by tests/estimator_parameters.py."""

from collections.abc import Sequence
from typing import Literal, TypeVar

from numpy.random import RandomState
from sklearn.base import BaseEstimator

_F = TypeVar("_F")


def no_type_check(function: _F) -> _F:
    """As it is: scikit-learn wants parameters looked at in `fit` alone, so the tests' type checks (which know
    this decorator by its name) leave the function out."""
    return function


class Parameters(BaseEstimator):
    """Every setting as a keyword; None is the recipe's value. Parameters are looked at in `fit`."""

    @no_type_check
    def __init__(
        self,
        *,
        recipe: str = "default",
        latent_dim: int | None = None,
        network: str | None = None,
        encoder_layers: Sequence[int] | None = None,
        decoder_layers: Sequence[int] | None = None,
        encoder_bias: bool | None = None,
        decoder_bias: bool | None = None,
        posterior: str | None = None,
        prior: str | None = None,
        likelihood: str | None = None,
        linear_path: bool | None = None,
        cell_dropout: float | None = None,
        start: Literal["ppca", "data", "random"] | None = None,
        generate_with_dropout: bool | None = None,
        objective: str | None = None,
        samples: int | None = None,
        validation_samples: int | None = None,
        optimizer: Literal["adam", "adamw", "rmsprop", "adagrad", "sgd"] | None = None,
        learning_rate: float | None = None,
        momentum: float | None = None,
        rms_decay: float | None = None,
        accumulator_start: float | None = None,
        adam_b1: float | None = None,
        adam_b2: float | None = None,
        optimizer_epsilon: float | None = None,
        weight_decay: float | None = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        schedule: Literal["constant", "staged", "exponential", "cosine", "plateau"] | None = None,
        stages: Sequence[str] | None = None,
        final_rate: float | None = None,
        schedule_epochs: int | None = None,
        plateau_patience: int | None = None,
        plateau_factor: float | None = None,
        epochs: int | None = None,
        table_steps: int | None = None,
        batch_size: int | None = None,
        shuffle: bool | None = None,
        early_stopping: int | None = None,
        checkpoint_seconds: float | None = None,
        mirror: bool | None = None,
        validation: str | float | None = None,
        validation_by: Literal["block", "random", "group"] | None = None,
        include: Sequence[str] | None = None,
        size: str | None = None,
        grayscale: bool | None = None,
        limit: int | None = None,
        key: str | None = None,
        column: Sequence[str] | None = None,
        header: bool | None = None,
        missing: bool | None = None,
        stream: bool | None = None,
        skip_bad: bool | None = None,
        cache: str | None = None,
        scaling: Literal["auto", "standardise", "quantile"] | None = None,
        dequantise: bool | None = None,
        binarise: bool | None = None,
        channels: Sequence[int] | None = None,
        activation: Literal["elu", "gelu", "leaky-relu", "relu", "sigmoid", "silu", "softplus", "tanh"]
        | None = None,
        keep_prob: float | None = None,
        init_sd: float | None = None,
        init_mean: float | None = None,
        bias_sd: float | None = None,
        bias_mean: float | None = None,
        epsilon: float | None = None,
        couplings: int | None = None,
        coupling_layers: int | None = None,
        coupling_units: int | None = None,
        real: Literal["student-t", "gaussian"] | None = None,
        positive: Literal["log-normal", "gamma"] | None = None,
        count: Literal["negative-binomial", "poisson"] | None = None,
        sigma: Literal["output", "per-feature", "learned", "fixed"] | None = None,
        sigma_init: float | None = None,
        sigma_min: float | None = None,
        output_activation: Literal["identity", "sigmoid"] | None = None,
        log_sd_min: float | None = None,
        log_scale_min: float | None = None,
        scale_min: float | None = None,
        beta: float | None = None,
        kl_warmup: float | None = None,
        kl: Literal["auto", "analytic", "sampled"] | None = None,
        firing_target: float | None = None,
        firing_variance: float | None = None,
        mean_l1: float | None = None,
        input_noise_sd: float | None = None,
        smoothness: float | None = None,
        weights_l2: float | None = None,
        random_state: int | RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.recipe = recipe
        self.latent_dim = latent_dim
        self.network = network
        self.encoder_layers = encoder_layers
        self.decoder_layers = decoder_layers
        self.encoder_bias = encoder_bias
        self.decoder_bias = decoder_bias
        self.posterior = posterior
        self.prior = prior
        self.likelihood = likelihood
        self.linear_path = linear_path
        self.cell_dropout = cell_dropout
        self.start = start
        self.generate_with_dropout = generate_with_dropout
        self.objective = objective
        self.samples = samples
        self.validation_samples = validation_samples
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.rms_decay = rms_decay
        self.accumulator_start = accumulator_start
        self.adam_b1 = adam_b1
        self.adam_b2 = adam_b2
        self.optimizer_epsilon = optimizer_epsilon
        self.weight_decay = weight_decay
        self.clip_value = clip_value
        self.clip_norm = clip_norm
        self.schedule = schedule
        self.stages = stages
        self.final_rate = final_rate
        self.schedule_epochs = schedule_epochs
        self.plateau_patience = plateau_patience
        self.plateau_factor = plateau_factor
        self.epochs = epochs
        self.table_steps = table_steps
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.checkpoint_seconds = checkpoint_seconds
        self.mirror = mirror
        self.validation = validation
        self.validation_by = validation_by
        self.include = include
        self.size = size
        self.grayscale = grayscale
        self.limit = limit
        self.key = key
        self.column = column
        self.header = header
        self.missing = missing
        self.stream = stream
        self.skip_bad = skip_bad
        self.cache = cache
        self.scaling = scaling
        self.dequantise = dequantise
        self.binarise = binarise
        self.channels = channels
        self.activation = activation
        self.keep_prob = keep_prob
        self.init_sd = init_sd
        self.init_mean = init_mean
        self.bias_sd = bias_sd
        self.bias_mean = bias_mean
        self.epsilon = epsilon
        self.couplings = couplings
        self.coupling_layers = coupling_layers
        self.coupling_units = coupling_units
        self.real = real
        self.positive = positive
        self.count = count
        self.sigma = sigma
        self.sigma_init = sigma_init
        self.sigma_min = sigma_min
        self.output_activation = output_activation
        self.log_sd_min = log_sd_min
        self.log_scale_min = log_scale_min
        self.scale_min = scale_min
        self.beta = beta
        self.kl_warmup = kl_warmup
        self.kl = kl
        self.firing_target = firing_target
        self.firing_variance = firing_variance
        self.mean_l1 = mean_l1
        self.input_noise_sd = input_noise_sd
        self.smoothness = smoothness
        self.weights_l2 = weights_l2
        self.random_state = random_state
        self.verbose = verbose
