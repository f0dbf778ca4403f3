"""Wake words: from sound to detections with microWakeWord's models, and the main job.

Needs the extra `demo`. A detection on your own sound:

    from tflm_wasm import build
    from tflm_wasm.wakeword import Clip, WakeWord, features, listen, read_wav

    word = WakeWord.builtin("okay_nabu")
    pcm = read_wav("speech.wav")
    with build(word.model).open() as session:
        print(listen(session, word, Clip("speech.wav", pcm, features(pcm), None)).detections_ms)
"""

from tflm_wasm.wakeword._detector import BUILTIN, Detector, WakeWord
from tflm_wasm.wakeword._features import features, frame_end_ms, quantise, read_wav
from tflm_wasm.wakeword._listen import Clip, Hearing, listen, read_clips

__all__ = [
    "BUILTIN",
    "Clip",
    "Detector",
    "Hearing",
    "WakeWord",
    "features",
    "frame_end_ms",
    "listen",
    "quantise",
    "read_clips",
    "read_wav",
]
