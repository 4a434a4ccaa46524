"""Which libraries of the system do OpenCV and MediaPipe load, which pip cannot bring?"""

from __future__ import annotations

OPENCV_LIBRARIES = {"libGL.so.1": "libgl1", "libglib-2.0.so.0": "libglib2.0-0"}
"""What OpenCV links against on Linux, unless it is a headless one -> the Debian package that holds it."""

SYSTEM_LIBRARIES = {"libEGL.so.1": "libegl1", "libGLESv2.so.2": "libgles2"}
"""What mediapipe loads at start on Linux -> the Debian package that holds it."""

SYSTEM_COMMAND = f"apt-get install {' '.join([*OPENCV_LIBRARIES.values(), *SYSTEM_LIBRARIES.values()])}"
"""Brings what OpenCV and MediaPipe load at start to a bare Debian, such as a slim container."""
