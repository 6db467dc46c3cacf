#!/usr/bin/env python3
"""Writes the photographs that the parameters of super-resolution were trained on into a folder:

    python3 photographs.py folder

They are in the public domain, and lie in Debian's python3-skimage and python3-scipy.
"""

import pathlib
import sys

import PIL.Image
import numpy as np
import scipy.misc
import skimage.data

folder = pathlib.Path(sys.argv[1])
photographs = {name: getattr(skimage.data, name)()
               for name in ('astronaut', 'brick', 'camera', 'grass', 'gravel')}
photographs['raccoon'] = scipy.misc.face()
photographs['ascent'] = scipy.misc.ascent().astype(np.uint8)
for name, pixels in photographs.items():
    PIL.Image.fromarray(pixels).convert('RGB').save(folder / f'{name}.png')
