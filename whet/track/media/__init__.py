"""What can be logged beside numbers: images, audio, video, text, tables, histograms, HTML and points in space."""

from whet.track.media.arrays import Audio, Image, Object3D, Video
from whet.track.media.base import Media
from whet.track.media.histogram import Histogram
from whet.track.media.words import Html, Table, Text

__all__ = ["Audio", "Histogram", "Html", "Image", "Media", "Object3D", "Table", "Text", "Video"]
