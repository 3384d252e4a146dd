"""A training step of the 2016 post's program as a TensorFlow 1 graph."""

import itertools
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from serve import THREADS, serve

tf1 = tf.compat.v1
tf1.disable_eager_execution()

ENCODER, LATENT, DECODER = [361, 722, 722, 722], 10, [10, 722, 722, 361]
SAMPLES, BATCH, KEEP, RATE, EPSILON = 10, 7, 0.8, 1e-4, 1e-7


def weight(n_in, n_out):
    """N(0, 0.01^2), as the program draws them."""
    return tf.Variable(tf.random.normal([n_in, n_out], stddev=0.01))


def build():
    """The graph: the input and the training operation."""
    x = tf1.placeholder(tf.float32, [None, ENCODER[0]])
    h = x
    for n_in, n_out in itertools.pairwise(ENCODER):
        h = tf1.nn.dropout(tf.nn.elu(h @ weight(n_in, n_out)), rate=1 - KEEP)
    mean, v = h @ weight(ENCODER[-1], LATENT), tf.exp(h @ weight(ENCODER[-1], LATENT))
    noise = tf.random.normal([SAMPLES * BATCH, LATENT])
    z = tf.tile(mean, [SAMPLES, 1]) + tf.tile(v, [SAMPLES, 1]) * noise
    for n_in, n_out in itertools.pairwise(DECODER[:-1]):
        z = tf1.nn.dropout(tf.nn.elu(z @ weight(n_in, n_out)), rate=1 - KEEP)
    out = tf.reshape(tf.sigmoid(z @ weight(DECODER[-2], DECODER[-1])), [SAMPLES, BATCH, -1])
    m = tf.reduce_mean(out, axis=0)
    s = tf.reduce_mean((out - m) ** 2, axis=0)
    fit = 0.5 * tf.math.log(tf.maximum(EPSILON, s)) + (x - m) ** 2 / tf.maximum(EPSILON, 2 * s)
    log_likelihood = -tf.reduce_mean(tf.reduce_sum(fit, axis=1))
    minus_kl = tf.reduce_mean(tf.reduce_sum(tf.math.log(tf.maximum(EPSILON, v)) + 1 - mean**2 - v, axis=1))
    cost = -(minus_kl + log_likelihood) + tf.reduce_sum(tf.abs(mean))
    optimizer = tf1.train.RMSPropOptimizer(RATE, momentum=0.1)
    clipped = [
        (tf.clip_by_value(g, -10.0, 10.0), p) for g, p in optimizer.compute_gradients(cost) if g is not None
    ]
    return x, cost, optimizer.apply_gradients(clipped)


def main():
    """Steps as the program takes them: a batch fed, cost and update fetched."""
    data = np.random.default_rng(0).uniform(size=(347, BATCH, ENCODER[0])).astype(np.float32)
    x, cost, train = build()
    config = tf1.ConfigProto(intra_op_parallelism_threads=THREADS, inter_op_parallelism_threads=THREADS)
    with tf1.Session(config=config) as session:
        session.run(tf1.global_variables_initializer())

        def run(steps):
            for i in range(steps):
                session.run([cost, train], {x: data[i % len(data)]})

        serve(run, f"TensorFlow {tf.__version__}")


if __name__ == "__main__":
    main()
