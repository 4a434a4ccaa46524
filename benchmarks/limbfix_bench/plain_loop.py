"""The yardstick of speed.py: what anyone writes in twenty lines. One MediaPipe pass per picture, and not a line of limbfix.

    python plain_loop.py HAND_BUNDLE POSE_BUNDLE NUM_HANDS HAND_CONFIDENCE NUM_POSES < LIST_OF_FILES

The models and their options are arguments, so that they are those of the gate; one JSON object per picture goes to stdout.
"""

from __future__ import annotations

import json
import sys

import mediapipe
import numpy as np
from mediapipe.tasks import python as tasks
from PIL import Image


def main(hand_bundle: str, pose_bundle: str, num_hands: int, hand_confidence: float, num_poses: int) -> None:
    hands = tasks.vision.HandLandmarker.create_from_options(
        tasks.vision.HandLandmarkerOptions(
            base_options=tasks.BaseOptions(model_asset_path=hand_bundle),
            num_hands=num_hands,
            min_hand_detection_confidence=hand_confidence,
            min_hand_presence_confidence=hand_confidence,
        )
    )
    poses = tasks.vision.PoseLandmarker.create_from_options(
        tasks.vision.PoseLandmarkerOptions(
            base_options=tasks.BaseOptions(model_asset_path=pose_bundle), num_poses=num_poses
        )
    )
    for line in sys.stdin:
        path = line.rstrip("\n")
        with Image.open(path) as file:
            pixels = np.asarray(file.convert("RGB"))
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(pixels))
        bodies, found = poses.detect(image), hands.detect(image)
        points = [[[point.x, point.y] for point in hand] for hand in found.hand_landmarks]
        people = [[[point.x, point.y] for point in body] for body in bodies.pose_landmarks]
        print(json.dumps({"path": path, "hands": points, "people": people}))
    hands.close()
    poses.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
