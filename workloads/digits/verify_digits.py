#!/usr/bin/python3
"""Check the two digits trace sets as they are on disk, with numpy alone.

Recomputes every layer in integer arithmetic and compares it with the recorded
output, follows pooling and flattening, and recomputes predictions and accuracy.
Exit status 0 if everything agrees, 1 if not.
"""
import argparse
import json
import math
import os
import sys

import numpy as np

ERRORS = []
I32 = 2 ** 31


def check(ok, what):
    if not ok:
        ERRORS.append(what)
    return bool(ok)


def load(folder):
    with open(os.path.join(folder, "manifest.json")) as f:
        m = json.load(f)
    name = m["network"]
    check(name == os.path.basename(os.path.abspath(folder)), f"{name}: network is not the folder's name")
    check(m["format"] == 1 and m["bits"] in (8, 16), f"{name}: format or bits")
    arrays = {}
    files = set()
    for key, t in list(m["tensors"].items()) + list(m["aux"].items()):
        what = f"{name}/{key}"
        check(t["file"] == os.path.basename(t["file"]), f"{what}: file is not a plain name")
        path = os.path.join(folder, t["file"])
        files.add(t["file"])
        with open(path, "rb") as f:
            check(np.lib.format.read_magic(f) == (1, 0), f"{what}: npy version")
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(f)
        check(not fortran and dtype.byteorder in "<|=", f"{what}: order")
        a = np.load(path, allow_pickle=False)
        check(list(a.shape) == t["shape"] and str(a.dtype) == t["dtype"], f"{what}: shape or dtype")
        arrays[key] = a
        if key not in m["tensors"]:
            continue
        check(len(t["shape"]) == 4 and t["kind"] in ("act", "wgt"), f"{what}: shape or kind")
        check(t["bits"] == m["bits"] and t["dtype"] == f"int{m['bits']}", f"{what}: bits or dtype")
        check((t["min"], t["max"], t["zeros"]) == (a.min(), a.max(), (a == t["zero_point"]).sum()),
              f"{what}: min, max, zeros")
        check(t["signed"] or a.min() >= 0, f"{what}: signed")
        if m["bits"] == 16:
            n = t["profile_bits"]
            lo, hi = (-2 ** (n - 1), 2 ** (n - 1) - 1) if t["signed"] else (0, 2 ** n - 1)
            check(t["zero_point"] == 0 and lo <= a.min() and a.max() <= hi, f"{what}: does not fit profile_bits")
        elif t["kind"] == "wgt":
            check(t["zero_point"] == 0 and a.min() >= -127 and t["per_channel"]
                  and len(t["scale"]) == t["shape"][0], f"{what}: weight format")
    on_disk = {f for f in os.listdir(folder) if f.endswith(".npy")}
    check(files == on_disk, f"{name}: files on disk and in the manifest differ")
    check(m["total_bytes"] == sum(os.path.getsize(os.path.join(folder, f)) for f in files), f"{name}: total_bytes")
    return m, arrays


def accumulators(layer, x, w):
    """sum x*w in int64; x is centred, so padding is 0. Tap by tap, as a matrix product."""
    top, bottom, left, right = layer["pad_tblr"]
    p = np.pad(x.astype(np.int64), ((0, 0), (0, 0), (top, bottom), (left, right)))
    n, k, oh, ow = layer["N"], layer["K"], layer["OH"], layer["OW"]
    acc = np.zeros((n, k, oh, ow), np.int64)
    for r in range(layer["R"]):
        for s in range(layer["S"]):
            tap = p[:, :, r:r + oh, s:s + ow].transpose(0, 2, 3, 1).reshape(-1, layer["C"])
            acc += (tap @ w[:, :, r, s].astype(np.int64).T).reshape(n, oh, ow, k).transpose(0, 3, 1, 2)
    return acc


def requant_one(acc, mult, shift):
    """TFLite's MultiplyByQuantizedMultiplier for one accumulator, in Python integers."""
    ab = (acc * 2 ** max(shift, 0)) * mult
    n = ab + (2 ** 30 if ab >= 0 else 1 - 2 ** 30)
    v = abs(n) // I32 * (1 if n >= 0 else -1)
    e = max(-shift, 0)
    if e == 0:
        return v
    q, rem = divmod(abs(v), 2 ** e)  # nearest, halves away from zero
    return (q + (2 * rem >= 2 ** e)) * (1 if v >= 0 else -1)


def multiplier(m):
    q, shift = math.frexp(m)
    q = int(math.floor(q * I32 + 0.5))
    return (q // 2, shift + 1) if q == I32 else (q, shift)


def int8_output(m, a, layer, acc):
    t_in, t_out = m["tensors"][layer["input"]], m["tensors"][layer["output"]]
    ws = a[layer["weight_scales"]]
    check(list(ws) == m["tensors"][layer["weight"]]["scale"], f"{layer['name']}: weight scales differ")
    lo = t_out["zero_point"] if layer["fused_activation"] == "relu" else -128
    out = np.empty(acc.shape, np.int64)
    for k in range(layer["K"]):
        mult, shift = multiplier(t_in["scale"] * float(ws[k]) / t_out["scale"])
        flat = [min(127, max(lo, requant_one(v, mult, shift) + t_out["zero_point"])) for v in acc[:, k].ravel().tolist()]
        out[:, k] = np.array(flat).reshape(acc[:, k].shape)
    return out


def fix16_output(m, a, layer, acc):
    t_in, t_w, t_out = (m["tensors"][layer[k]] for k in ("input", "weight", "output"))
    v = acc * 2.0 ** -(t_in["frac_bits"] + t_w["frac_bits"]) + a[layer["bias"]][None, :, None, None]
    if layer["fused_activation"] == "relu":
        v = np.maximum(v, 0)
    n = t_out["profile_bits"]
    lo, hi = (-2 ** (n - 1), 2 ** (n - 1) - 1) if t_out["signed"] else (0, 2 ** n - 1)
    return np.clip(np.rint(v * 2.0 ** t_out["frac_bits"]), lo, hi).astype(np.int64)


def check_layers(m, a):
    name, int8 = m["network"], m["bits"] == 8
    print(f"{'layer':7}{'input':>16}{'weight':>18}{'MACs':>11}{'max |acc|':>11}{'differ':>8}{'in 0%':>7}{'w 0%':>6}")
    for layer in m["layers"]:
        tk = [layer["input"], layer["weight"], layer["output"]]
        x, w, y = (a[k] for k in tk)
        lab = f"{name}/{layer['name']}"
        L = layer
        check(x.shape == (L["N"], L["C"], L["H"], L["W"]) and w.shape == (L["K"], L["C"], L["R"], L["S"])
              and y.shape == (L["N"], L["K"], L["OH"], L["OW"]), f"{lab}: shapes")
        check(L["macs"] == L["N"] * L["K"] * L["OH"] * L["OW"] * L["C"] * L["R"] * L["S"], f"{lab}: macs")
        check(L["stride"] == [1, 1] and L["dilation"] == [1, 1] and L["groups"] == 1, f"{lab}: stride, dilation, groups")
        pt, pb, pl, pr = L["pad_tblr"]
        check(L["OH"] == L["H"] + pt + pb - L["R"] + 1 and L["OW"] == L["W"] + pl + pr - L["S"] + 1, f"{lab}: output size")
        zp = m["tensors"][tk[0]]["zero_point"]
        acc = accumulators(layer, x.astype(np.int64) - zp, w)
        if int8:
            acc += a[L["bias"]].astype(np.int64)[None, :, None, None]
        peak = int(np.abs(acc).max())
        check(peak < I32, f"{lab}: accumulator does not fit 32 bits")
        out = (int8_output if int8 else fix16_output)(m, a, layer, acc)
        bad = int((out != y).sum())
        check(bad == 0, f"{lab}: {bad} outputs differ")
        print(f"{L['name']:7}{str(x.shape).replace(' ', ''):>16}{str(w.shape).replace(' ', ''):>18}{L['macs']:>11}"
              f"{peak:>11}{bad:>8}{100 * (x == zp).mean():>7.1f}{100 * (w == 0).mean():>6.1f}")


def fmt(t):
    return {k: t.get(k) for k in ("zero_point", "scale", "frac_bits", "profile_bits", "signed")}


def check_graph(m, a):
    name = m["network"]
    made = {layer["output"] for layer in m["layers"]} | {"a0"}
    for g in m["graph"]:
        x = a[g["input"]]
        check(g["input"] in made, f"{name}: {g['op']} reads {g['input']} before it is made")
        if g["op"] == "argmax":
            pred = x.reshape(x.shape[0], -1).argmax(1).tolist()
            check(pred == m["predictions"], f"{name}: predictions differ")
            continue
        if g["op"] == "max_pool":
            n, c, h, w = x.shape
            check(g["kernel"] == [2, 2] and g["stride"] == [2, 2], f"{name}: pool size")
            want = x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5))
        elif g["op"] == "reshape":
            want = x.reshape(g["shape"])
        else:
            check(False, f"{name}: unknown op {g['op']}")
            continue
        check(np.array_equal(want, a[g["output"]]), f"{name}: {g['op']} {g['output']} differs")
        check(fmt(m["tensors"][g["input"]]) == fmt(m["tensors"][g["output"]]), f"{name}: {g['op']} changes the format")
        made.add(g["output"])
    for layer in m["layers"]:
        check(layer["input"] in made, f"{name}: nothing makes {layer['input']}")
    right = sum(p == y for p, y in zip(m["predictions"], m["labels"]))
    n = m["layers"][0]["N"]
    check(len(m["predictions"]) == len(m["labels"]) == len(m["image_rows"]) == n, f"{name}: batch size")
    return right, n


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder", nargs="*", help="trace sets (default: the two beside this script)")
    folders = p.parse_args().folder or [os.path.join(here, n) for n in ("digits_cnn_int8", "digits_cnn_fix16")]
    images = []
    for folder in folders:
        m, a = load(folder)
        print(f"{m['network']}: {m['total_bytes']} bytes")
        check_layers(m, a)
        right, n = check_graph(m, a)
        acc = m["accuracy"]
        print(f"batch {right}/{n} right; test accuracy {acc['quantised']:.4f}, float {acc['float']:.4f}\n")
        images.append((m["image_rows"], m["labels"]))
    check(all(i == images[0] for i in images), "the sets hold different images")
    for e in ERRORS:
        print("FAIL", e)
    print("ok" if not ERRORS else f"{len(ERRORS)} failures")
    return 1 if ERRORS else 0


if __name__ == "__main__":
    sys.exit(main())
