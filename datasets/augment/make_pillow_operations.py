#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes pillow_operations.json: what Pillow makes of small pictures, as SHA-256 of the pixels.

image_operation_test.cpp compares with it. Needs Pillow:
    make_pillow_operations.py > pillow_operations.json
"""
import hashlib
import json

import PIL
from PIL import Image, ImageEnhance, ImageOps

GREY = (128, 128, 128)


def picture(height, width, low, span):
    values = bytes(
        low + (x * 37 + y * 101 + c * 53 + x * y * (c + 1) % 97) % span
        for y in range(height) for x in range(width) for c in range(3))
    return Image.frombytes("RGB", (width, height), values)


def affine(image, *numbers):
    return image.transform(image.size, Image.Transform.AFFINE, numbers,
                           resample=Image.Resampling.BICUBIC, fillcolor=GREY)


OPERATIONS = {
    "auto_contrast": (lambda i, a: ImageOps.autocontrast(i), [0]),
    "equalize": (lambda i, a: ImageOps.equalize(i), [0]),
    "invert": (lambda i, a: ImageOps.invert(i), [0]),
    "rotate": (lambda i, a: i.rotate(a, resample=Image.Resampling.BICUBIC, fillcolor=GREY),
               [0, 21, -21, 30, 7.3]),
    "posterize": (lambda i, a: ImageOps.posterize(i, a), [1, 2, 4]),
    "solarize": (lambda i, a: ImageOps.solarize(i, a), [77, 0, 256]),
    "solarize_add": (lambda i, a: i.point([min(255, v + a) if v < 128 else v
                                           for v in range(256)] * 3), [77, 110]),
    "color": (lambda i, a: ImageEnhance.Color(i).enhance(a), [0.37, 1.63, 0.1, 1.0]),
    "contrast": (lambda i, a: ImageEnhance.Contrast(i).enhance(a), [0.37, 1.63, 1.9]),
    "brightness": (lambda i, a: ImageEnhance.Brightness(i).enhance(a), [0.37, 1.63, 1.9]),
    "sharpness": (lambda i, a: ImageEnhance.Sharpness(i).enhance(a), [0.37, 1.63, 1.9]),
    "shear_x": (lambda i, a: affine(i, 1, a, 0, 0, 1, 0), [0.21, -0.21]),
    "shear_y": (lambda i, a: affine(i, 1, 0, 0, a, 1, 0), [0.21, -0.3]),
    "translate_x": (lambda i, a: affine(i, 1, 0, a * i.size[0], 0, 1, 0), [0.315, -0.315]),
    "translate_y": (lambda i, a: affine(i, 1, 0, 0, 0, 1, a * i.size[1]), [0.315, -0.2]),
}

cases = []
for height, width, low, span in [(20, 24, 0, 256), (21, 33, 40, 150), (2, 3, 5, 200)]:
    for name, (run, arguments) in OPERATIONS.items():
        for argument in arguments:
            out = run(picture(height, width, low, span), argument)
            cases.append({"height": height, "width": width, "low": low, "span": span,
                          "operation": name, "argument": argument,
                          "sha256": hashlib.sha256(out.tobytes()).hexdigest()})
print('{"pillow": "%s", "cases": [\n%s\n]}' %
      (PIL.__version__, ",\n".join(json.dumps(case) for case in cases)))
