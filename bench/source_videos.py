"""The videos that the transcoding benchmark converts, and how the results are compared."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workers.media.ffmpeg import find_ffmpeg

_SSIM = re.compile(r"SSIM Y:([0-9.]+)")
#: Edges, motion and grain.
_RICH = "testsrc2=s={size}:r={rate}:d={seconds},rotate=a=t/5:fillcolor=gray,noise=alls=2:allf=t"
#: A phone's variable frame rate: frames of uneven length, and now and then one is missing.
_UNEVEN = ",select='mod(n,11)',setpts='(N*11/10+0.3*sin(N))/30/TB'"
#: SDR light mapped to HDR: white at 203 cd/m², as in ITU-R BT.2408.
_TO_PQ = (
    "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709,"
    "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt2020,"
    "zscale=t=smpte2084:m=bt2020nc:r=tv:npl=203,format=yuv420p10le"
)
_TOLD_PQ = ("-color_trc", "smpte2084", "-color_primaries", "bt2020", "-colorspace", "bt2020nc")
_LOSSLESS = ("-c:v", "ffv1", "-level", "3", "-slices", "4", "-fps_mode", "passthrough")


@dataclass(frozen=True)
class SourceVideo:
    """A source video. `seen` is the filter applied to source and results before they are compared,
    because the platform shows them that way. `bytes_factor` is how many times the bytes of plain
    ffmpeg the result may take; None if the two do not make the same pictures. `share` scales the
    seconds.
    """

    name: str
    size: str
    seen: str
    bytes_factor: float | None
    extra: str = ""
    share: float = 1.0
    is_hdr: bool = False

    def make(self, folder: Path, seconds: int) -> tuple[Path, Path]:
        """Make the source losslessly; return it, and the reference for the comparison."""
        source, master = folder / "source.mkv", folder / "master.mkv"
        rich = _RICH.format(size=self.size, rate=30, seconds=seconds * self.share)
        picture = ("-f", "lavfi", "-i", f"{rich}{self.extra},format=yuv420p")
        ffmpeg(*picture, *_LOSSLESS, str(master))
        if not self.is_hdr:
            return master, master
        ffmpeg("-i", str(master), "-vf", _TO_PQ, *_LOSSLESS, *_TOLD_PQ, str(source))
        return source, master

    def similarity(self, made: Path, master: Path) -> float:
        """Return the similarity of a result to its source as seen: SSIM of the luma, 0–1."""
        chain = f"{self.seen},format=yuv420p,setpts=N"
        graph = f"[0:v]{chain}[made];[1:v]{chain}[master];[made][master]ssim=shortest=1"
        told = ffmpeg("-i", str(made), "-i", str(master), "-lavfi", graph, "-f", "null", "-")
        found = _SSIM.search(told)
        assert found is not None, told
        return float(found.group(1))


SOURCE_VIDEOS: Sequence[SourceVideo] = (
    SourceVideo("transcoding, plain video", "540x960", "fps=30", bytes_factor=2.5),
    SourceVideo(
        "transcoding, variable frame rate", "540x960", "fps=30", bytes_factor=2.5, extra=_UNEVEN
    ),
    # No platform shows more than 1080p: larger videos are scaled down.
    SourceVideo(
        "transcoding, larger than 1080p",
        "1296x2304",
        "fps=30,scale=1080:1920:flags=bicubic",
        1.5,
        share=0.5,
    ),
    SourceVideo("transcoding, HDR", "540x960", "fps=30", bytes_factor=None, is_hdr=True),
)


def ffmpeg(*arguments: str) -> str:
    """Run ffmpeg and return its messages."""
    command = [find_ffmpeg().path, "-hide_banner", "-nostdin", "-y", *arguments]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    return answer.stderr
