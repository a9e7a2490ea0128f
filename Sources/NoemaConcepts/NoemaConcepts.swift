internal import NoemaTensor
