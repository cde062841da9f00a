"""What can be logged beside numbers: images, audio, video, text, tables, histograms, HTML and points in space."""

from whet.track.script.media.arrays import Audio, Image, Object3D, Video
from whet.track.script.media.base import Media
from whet.track.script.media.histogram import Histogram
from whet.track.script.media.words import Html, Table, Text

__all__ = ["Audio", "Histogram", "Html", "Image", "Media", "Object3D", "Table", "Text", "Video"]
