#!/usr/bin/python3
"""Train a small CNN on scikit-learn's digits and write its two trace sets.

  digits_cnn_int8/   int8 post-training quantisation, TFLite's integer arithmetic
  digits_cnn_fix16/  16-bit containers, every layer input and weight trimmed to
                     the fewest bits that do not lower the accuracy

Needs numpy, scikit-learn and torch (Debian: python3-torch python3-sklearn).
"""
import argparse
import json
import math
import os
import sys

SOURCE = ("trained by workloads/digits/train_digits.py on scikit-learn's load_digits "
          "(Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, "
          "UCI Machine Learning Repository)")
LICENCE = "data: UCI Machine Learning Repository, CC BY 4.0, distributed with scikit-learn (BSD-3-Clause)"

# name, op, input tensor, weight, output tensor, C, K, H (=W), relu
LAYERS = [
    ("conv1", "conv", "a0", "w1", "a1", 1, 32, 8, True),
    ("conv2", "conv", "a1", "w2", "a2", 32, 64, 8, True),
    ("conv3", "conv", "a2p", "w3", "a3", 64, 128, 4, True),
    ("conv4", "conv", "a3", "w4", "a4", 128, 128, 4, True),
    ("fc1", "fc", "a4f", "w5", "a5", 512, 256, 1, True),
    ("fc2", "fc", "a5", "w6", "a6", 256, 10, 1, False),
]
# host operations that follow a layer: (op, input, output)
HOST = {
    "conv2": [("max_pool", "a2", "a2p")],
    "conv4": [("max_pool", "a4", "a4p"), ("reshape", "a4p", "a4f")],
}
# tensors that hold one and the same set of values, so share one format
SHARED = {"a2": "a2p", "a4p": "a4f", "a4": "a4f"}
TAGS = {"a0": "image", "a2p": "pool2", "a4p": "pool4", "a4f": "flatten"}


def parse_args():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("-o", "--out", default=".", help="folder that receives the two trace sets (default: .)")
    p.add_argument("--seed", type=int, default=1, help="seed of training (default: %(default)s)")
    p.add_argument("--epochs", type=int, default=40, help="training epochs (default: %(default)s)")
    p.add_argument("--batch", type=int, default=32, help="test images in the trace (default: %(default)s)")
    p.add_argument("--tolerance", type=int, default=0,
                   help="profile images, right in float, that the 16-bit profile may lose (default: %(default)s)")
    p.add_argument("--threads", type=int, default=2,
                   help="torch threads; sums, and so the weights, may depend on it (default: %(default)s)")
    return p.parse_args()


if __name__ == "__main__":
    ARGS = parse_args()  # before the slow imports, so that --help is quick

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SPLIT_SEED = 0


# ---------------------------------------------------------------- data, training

def load_data():
    d = load_digits()
    x = d.images.astype(np.float32) / 16.0  # pixels 0..16 -> 0..1
    y = d.target.astype(np.int64)
    rest, test = train_test_split(np.arange(len(y)), test_size=0.2, stratify=y, random_state=SPLIT_SEED)
    fit, val = train_test_split(rest, test_size=0.2, stratify=y[rest], random_state=SPLIT_SEED)
    return torch.from_numpy(x[:, None]), torch.from_numpy(y), fit, val, test


def build_net():
    def conv(c, k):
        return [nn.Conv2d(c, k, 3, padding=1, bias=False), nn.BatchNorm2d(k), nn.ReLU()]
    return nn.Sequential(
        *conv(1, 32), *conv(32, 64), nn.MaxPool2d(2),
        *conv(64, 128), *conv(128, 128), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(512, 256), nn.ReLU(), nn.Dropout(0.3), nn.Linear(256, 10))


def shift(x):
    """Move each image by -1, 0 or 1 pixels in x and y, zeros coming in."""
    p = F.pad(x, (1, 1, 1, 1))
    dy, dx = torch.randint(0, 3, (2, len(x)))
    out = torch.empty_like(x)
    for i in range(len(x)):
        out[i] = p[i, :, dy[i]:dy[i] + 8, dx[i]:dx[i] + 8]
    return out


def with_shifts(x, y):
    """The images, and each of them moved one pixel left, right, up and down."""
    p = F.pad(x, (1, 1, 1, 1))
    at = [(1, 1), (1, 0), (1, 2), (0, 1), (2, 1)]
    return torch.cat([p[:, :, i:i + 8, j:j + 8] for i, j in at]), y.repeat(len(at))


def train(x, y, seed, epochs):
    torch.manual_seed(seed)
    net = build_net()
    opt = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
    bs = 64
    steps = math.ceil(len(x) / bs)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, 2e-3, total_steps=steps * epochs)
    for e in range(epochs):
        net.train()
        total = 0.0
        for i in torch.randperm(len(x)).split(bs):
            opt.zero_grad()
            loss = F.cross_entropy(net(shift(x[i])), y[i])
            loss.backward()
            opt.step()
            sched.step()
            total += float(loss) * len(i)
        if e % 10 == 9 or e == epochs - 1:
            print(f"epoch {e + 1:3d}  loss {total / len(x):.4f}", flush=True)
    return net.eval()


def folded(net):
    """Weights (K,C,R,S) and biases of the layers, batch norm folded in, as float64."""
    w, b = [], []
    mods = list(net)
    for i, m in enumerate(mods):
        if isinstance(m, nn.Conv2d):
            bn = mods[i + 1]
            g = bn.weight.double() / torch.sqrt(bn.running_var.double() + bn.eps)
            w.append((m.weight.double() * g[:, None, None, None]).detach())
            b.append((bn.bias.double() - bn.running_mean.double() * g).detach())
        elif isinstance(m, nn.Linear):
            w.append(m.weight.double().detach()[:, :, None, None])
            b.append(m.bias.double().detach())
    return w, b


# ---------------------------------------------------------------- the network, step by step

def run(x, step):
    """All tensors of the network; step(i, layer, x) gives layer i's output."""
    t = {"a0": x}
    for i, layer in enumerate(LAYERS):
        name, op, src, _, dst = layer[:5]
        t[dst] = step(i, layer, t[src])
        for hop, hin, hout in HOST.get(name, []):
            t[hout] = F.max_pool2d(t[hin], 2) if hop == "max_pool" else t[hin].reshape(len(x), -1, 1, 1)
    return t


def accumulate(layer, x, w):
    """Convolution without bias, in float64: exact for integer operands."""
    return F.conv2d(x, w, padding=1 if layer[1] == "conv" else 0)


def accumulate_integers(layer, x, w):
    """The same for integers; float32 is exact, and quicker, where no sum can pass 2^24."""
    if float(w.abs().sum((1, 2, 3)).max() * x.abs().max()) < 2 ** 24:
        return accumulate(layer, x.float(), w.float()).double()
    return accumulate(layer, x, w)


def correct(t, y):
    return int((t["a6"].flatten(1).argmax(1) == y).sum())


def run_float(x, w, b):
    def step(i, layer, x):
        v = accumulate(layer, x, w[i]) + b[i][:, None, None]
        return v.relu() if layer[8] else v
    return run(x.double(), step)


# ---------------------------------------------------------------- int8

def f32(v):
    """Scales are float32 in TFLite; used as double."""
    return float(np.float32(v))


def quantize_multiplier(m):
    q, shift = math.frexp(m)
    q = math.floor(q * 2 ** 31 + 0.5)
    if q == 2 ** 31:
        q //= 2
        shift += 1
    return q, shift


def requantize(acc, mult, shift):
    """MultiplyByQuantizedMultiplier over the channel axis 1 of acc (int64 array)."""
    shp = (1, -1, 1, 1)
    mult = mult.reshape(shp)
    left = np.maximum(shift, 0).reshape(shp)
    right = np.maximum(-shift, 0).reshape(shp)
    acc = acc << left
    assert np.abs(acc).max() < 2 ** 31
    ab = acc * mult
    n = ab + np.where(ab >= 0, 1 << 30, 1 - (1 << 30))
    v = np.where(n >= 0, n >> 31, -((-n) >> 31))
    mask = (np.int64(1) << right) - 1
    return (v >> right) + ((v & mask) > (mask >> 1) + (v < 0))


def build_int8(w, b, cal):
    """Post-training quantisation; cal: float tensors of the training images."""
    q = {"w": [], "ws": [], "b": [], "mult": [], "shift": []}
    q["act"] = {"a0": (f32(1 / 255), -128)}
    for layer in LAYERS:
        name, _, src, _, dst = layer[:5]
        lo, hi = min(0.0, float(cal[dst].min())), max(0.0, float(cal[dst].max()))
        s = f32((hi - lo) / 255)
        q["act"][dst] = (s, -128 if layer[8] else int(np.clip(round(-128 - lo / s), -128, 127)))
        for _, hin, hout in HOST.get(name, []):
            q["act"][hout] = q["act"][hin]
    for i, layer in enumerate(LAYERS):
        s_in, s_out = q["act"][layer[2]][0], q["act"][layer[4]][0]
        wi = w[i].numpy()
        ws = (np.abs(wi).max(axis=(1, 2, 3)) / 127).astype(np.float32).astype(np.float64)
        q["w"].append(np.clip(np.rint(wi / ws[:, None, None, None]), -127, 127).astype(np.int8))
        q["ws"].append(ws)
        bias = np.rint(b[i].numpy() / (s_in * ws))
        assert np.abs(bias).max() < 2 ** 31
        q["b"].append(bias.astype(np.int32))
        ms = [quantize_multiplier(s_in * float(v) / s_out) for v in ws]
        q["mult"].append(np.array([m[0] for m in ms], np.int64))
        q["shift"].append(np.array([m[1] for m in ms], np.int64))
    return q


def run_int8(x, q):
    """Integer codes (held in float64 tensors) of every tensor."""
    def step(i, layer, x):
        zp_in, zp_out = q["act"][layer[2]][1], q["act"][layer[4]][1]
        acc = accumulate(layer, x - zp_in, torch.from_numpy(q["w"][i]).double())
        acc = acc.numpy().astype(np.int64) + q["b"][i].astype(np.int64)[:, None, None]
        assert np.abs(acc).max() < 2 ** 31
        out = requantize(acc, q["mult"][i], q["shift"][i]) + zp_out
        return torch.from_numpy(np.clip(out, zp_out if layer[8] else -128, 127)).double()
    s, zp = q["act"]["a0"]
    codes = np.clip(np.rint(x.double().numpy() / s) + zp, -128, 127)
    return run(torch.from_numpy(codes), step)


# ---------------------------------------------------------------- fix16

def frac_bits(peak, n, signed):
    """Most fraction bits with which `peak` fits n bits (n counts the sign bit)."""
    top = 2 ** (n - 1) - 1 if signed else 2 ** n - 1
    f = 40
    while np.rint(peak * 2.0 ** f) > top:
        f -= 1
    return f


def fix(v, n, f, signed):
    """Integers of v in n bits with f fraction bits: nearest, saturating."""
    lo, hi = (-2 ** (n - 1), 2 ** (n - 1) - 1) if signed else (0, 2 ** n - 1)
    return torch.clamp(torch.round(v * 2.0 ** f), lo, hi)


def fix_formats(bits, peak):
    """tensor -> (bits, fraction bits, signed)."""
    fmt = {}
    for key, n in bits.items():
        signed = key[0] == "w" or key == "a6"
        fmt[key] = (n, frac_bits(peak[key], n, signed), signed)
    for key, like in SHARED.items():
        fmt[key] = fmt[like]
    return fmt


def run_fix(x, w, b, fmt):
    """Stored integers (held in float64 tensors) of every tensor."""
    def step(i, layer, x):
        acc = accumulate_integers(layer, x, fix(w[i], *fmt[layer[3]]))
        assert float(acc.abs().max()) < 2 ** 31, "accumulator does not fit 32 bits"
        v = acc * 2.0 ** -(fmt[layer[2]][1] + fmt[layer[3]][1]) + b[i][:, None, None]
        return fix(v.relu() if layer[8] else v, *fmt[layer[4]])
    return run(fix(x.double(), *fmt["a0"]), step)


def profile(x, y, w, b, peak, losses):
    """Fewest bits per layer input and weight that get all but `losses` of the images x right.

    x holds images float gets right.
    """
    keys = [k for layer in LAYERS for k in (layer[2], layer[3])]

    def good(bits):
        fmt = fix_formats(dict(bits, a6=16), peak)
        wrong = 0
        for xs, ys in zip(x.split(512), y.split(512)):
            wrong += len(ys) - correct(run_fix(xs, w, b, fmt), ys)
            if wrong > losses:
                return False
        return True

    n = 10
    while not good(dict.fromkeys(keys, n)):
        n += 1
        if n > 13:
            sys.exit("no uniform profile of up to 13 bits keeps the accuracy")
    while n > 2 and good(dict.fromkeys(keys, n - 1)):
        n -= 1
    print(f"uniform profile: {n} bits", flush=True)
    bits = dict.fromkeys(keys, n)
    open_keys = list(keys)
    while open_keys:  # a bit from each tensor in turn; those that cannot give one drop out
        for k in list(open_keys):
            trial = dict(bits, **{k: bits[k] - 1})
            if trial[k] >= (2 if k[0] == "w" else 1) and good(trial):
                bits = trial
            else:
                open_keys.remove(k)
    return bits, n


# ---------------------------------------------------------------- writing

class TraceSet:
    def __init__(self, folder, bits):
        self.folder = folder
        self.bits = bits
        self.m = {"tensors": {}, "layers": [], "aux": {}, "graph": []}
        self.total = 0
        os.makedirs(folder, exist_ok=True)
        for f in os.listdir(folder):  # of an earlier run
            if f.endswith(".npy") or f == "manifest.json":
                os.remove(os.path.join(folder, f))

    def save(self, key, a):
        path = os.path.join(self.folder, key + ".npy")
        a = np.ascontiguousarray(a, a.dtype.newbyteorder("<"))
        with open(path, "wb") as f:
            np.lib.format.write_array(f, a, version=(1, 0), allow_pickle=False)
        self.total += os.path.getsize(path)
        return os.path.basename(path)

    def tensor(self, key, values, name, signed, **fmt):
        v = np.asarray(values)
        a = v.astype(np.int8 if self.bits == 8 else np.int16)
        assert np.array_equal(a, v)
        zp = fmt.get("zero_point", 0)
        self.m["tensors"][key] = {
            "file": self.save(key, a), "shape": list(a.shape), "dtype": str(a.dtype),
            "min": int(a.min()), "max": int(a.max()), "zeros": int((a == zp).sum()),
            "kind": "wgt" if key[0] == "w" else "act", "bits": self.bits, "signed": signed,
            "zero_point": zp, **fmt, "name": name}

    def aux(self, key, a, kind, scale=None):
        e = {"file": self.save(key, a), "shape": list(a.shape), "dtype": str(a.dtype), "kind": kind}
        if scale:
            e["scale"] = scale
        self.m["aux"][key] = e

    def layers(self, n):
        for i, (name, op, src, wk, dst, c, k, h, relu) in enumerate(LAYERS, 1):
            r = 3 if op == "conv" else 1
            e = {"name": name, "op": op, "input": src, "weight": wk, "output": dst,
                 "N": n, "C": c, "H": h, "W": h, "K": k, "R": r, "S": r, "OH": h, "OW": h,
                 "stride": [1, 1], "dilation": [1, 1], "pad_tblr": [1 if r == 3 else 0] * 4, "groups": 1,
                 "fused_activation": "relu" if relu else "none", "macs": n * k * h * h * c * r * r,
                 "bias": f"b{i}"}
            if self.bits == 8:
                e["weight_scales"] = f"s{i}"
            self.m["layers"].append(e)
            for hop, hin, hout in HOST.get(name, []):
                g = {"op": hop, "after": name, "input": hin, "output": hout}
                if hop == "max_pool":
                    g.update(kernel=[2, 2], stride=[2, 2], pad_tblr=[0, 0, 0, 0])
                else:
                    g.update(shape=self.m["tensors"][hout]["shape"])
                self.m["graph"].append(g)
        self.m["graph"].append({"op": "argmax", "after": LAYERS[-1][0], "input": LAYERS[-1][4],
                                "output": "predictions", "axis": 1})

    def finish(self, head):
        m = {"network": os.path.basename(self.folder), "format": 1, "bits": self.bits, **head, **self.m,
             "total_bytes": self.total}
        with open(os.path.join(self.folder, "manifest.json"), "w") as f:
            json.dump(m, f, indent=1)
            f.write("\n")


def write_int8(folder, q, t, n, head):
    ts = TraceSet(folder, 8)
    outs = {layer[4]: layer[0] for layer in LAYERS}
    for key, v in t.items():
        s, zp = q["act"][key]
        ts.tensor(key, v.numpy(), TAGS.get(key) or outs[key], True, zero_point=zp, scale=s)
    for i, layer in enumerate(LAYERS):
        ts.tensor(layer[3], q["w"][i], layer[0] + " weight", True, zero_point=0,
                  scale=[float(v) for v in q["ws"][i]], per_channel=True)
        ts.aux(f"b{i + 1}", q["b"][i], "bias", "input scale * weight scale")
        ts.aux(f"s{i + 1}", q["ws"][i], "weight scales")
    ts.layers(n)
    ts.finish(head)
    return ts


def write_fix(folder, w, b, fmt, t, n, head):
    ts = TraceSet(folder, 16)
    outs = {layer[4]: layer[0] for layer in LAYERS}
    for key, v in t.items():
        nb, f, signed = fmt[key]
        ts.tensor(key, v.numpy(), TAGS.get(key) or outs[key], signed, zero_point=0, frac_bits=f, profile_bits=nb)
    for i, layer in enumerate(LAYERS):
        nb, f, signed = fmt[layer[3]]
        ts.tensor(layer[3], fix(w[i], nb, f, signed).numpy(), layer[0] + " weight", signed,
                  zero_point=0, frac_bits=f, profile_bits=nb)
        ts.aux(f"b{i + 1}", b[i].numpy(), "bias", "float")
    ts.layers(n)
    ts.finish(head)
    return ts


def main(a):
    torch.set_num_threads(a.threads)
    torch.use_deterministic_algorithms(True)
    x, y, fit, val, test = load_data()
    xr, yr, xv, yv, xt, yt = x[fit], y[fit], x[val], y[val], x[test], y[test]
    net = train(xr, yr, a.seed, a.epochs)
    w, b = folded(net)
    params = sum(v.numel() for v in w)
    with torch.no_grad():
        cal = run_float(xr, w, b)
        ft = run_float(xt, w, b)
        assert torch.allclose(ft["a6"].flatten(1).float(), net(xt), rtol=1e-3, atol=1e-3), "batch norm folding"
        fv = run_float(xv, w, b)
    c_rest, c_val, c_float = correct(cal, yr), correct(fv, yv), correct(ft, yt)
    nt = len(yt)
    print(f"{params} weights; float: {c_rest}/{len(yr)} training, {c_val}/{len(yv)} validation, "
          f"{c_float}/{nt} test images")

    q = build_int8(w, b, cal)
    it = run_int8(xt, q)
    c_int8 = correct(it, yt)
    print(f"int8: {c_int8}/{nt}")

    peak = {k: float(v.abs().max()) for k, v in cal.items()}
    peak.update({layer[3]: float(w[i].abs().max()) for i, layer in enumerate(LAYERS)})
    xp, yp = with_shifts(xv, yv)
    xp, yp = torch.cat([xp, xr]), torch.cat([yp, yr])
    with torch.no_grad():
        right = run_float(xp, w, b)["a6"].flatten(1).argmax(1) == yp
    n_prof, xp, yp = len(yp), xp[right], yp[right]
    print(f"float: {len(yp)}/{n_prof} profile images", flush=True)
    bits, uniform = profile(xp, yp, w, b, peak, a.tolerance)
    widened = 0
    while True:
        fmt = fix_formats(dict(bits, a6=16), peak)
        xf = run_fix(xt, w, b, fmt)
        c_fix = correct(xf, yt)
        print(f"fix16: {c_fix}/{nt}  " + " ".join(f"{k}:{n}" for k, n in bits.items()), flush=True)
        if c_fix >= c_float or widened == 4:
            break
        widened += 1
        bits = {k: n + 1 for k, n in bits.items()}
    c_fix_prof = correct(run_fix(xp, w, b, fmt), yp)

    n = a.batch
    acc = {"float": c_float / nt, "int8": c_int8 / nt, "fix16": c_fix / nt, "test_images": nt,
           "float_correct": c_float, "int8_correct": c_int8, "fix16_correct": c_fix,
           "training_images": len(yr), "float_correct_training": c_rest,
           "validation_images": len(yv), "float_correct_validation": c_val,
           "profile_images": n_prof, "float_correct_profile": len(yp), "fix16_correct_profile": c_fix_prof,
           "tolerated_loss_images": a.tolerance, "uniform_profile_bits": uniform,
           "bits_added_after_test": widened}

    def head(t, which):
        pred = t["a6"][:n].flatten(1).argmax(1)
        return {"source": SOURCE, "licence": LICENCE,
                "image": f"the first {n} images of the test split: load_digits() rows, in order, in image_rows; "
                         "pixels / 16",
                "image_rows": [int(i) for i in test[:n]],
                "accuracy": {"quantised": acc[which], **acc},
                "labels": yt[:n].tolist(), "predictions": pred.tolist()}

    def first(t):
        return {k: v[:n] for k, v in t.items()}

    s1 = write_int8(os.path.join(a.out, "digits_cnn_int8"), q, first(it), n, head(it, "int8"))
    s2 = write_fix(os.path.join(a.out, "digits_cnn_fix16"), w, b, fmt, first(xf), n, head(xf, "fix16"))
    print(f"written: {s1.folder} {s1.total} bytes, {s2.folder} {s2.total} bytes")


if __name__ == "__main__":
    main(ARGS)
