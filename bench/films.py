"""The films that are made anew: what each is, and what of it is to be seen in the end."""

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
#: A phone's clock: no two pictures are shown equally long, and now and then one is missing.
_UNEVEN = ",select='mod(n,11)',setpts='(N*11/10+0.3*sin(N))/30/TB'"
#: The light of an SDR film in HDR: white at 203 cd/m², as ITU-R BT.2408 has it.
_TO_PQ = (
    "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709,"
    "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt2020,"
    "zscale=t=smpte2084:m=bt2020nc:r=tv:npl=203,format=yuv420p10le"
)
_TOLD_PQ = ("-color_trc", "smpte2084", "-color_primaries", "bt2020", "-colorspace", "bt2020nc")
_LOSSLESS = ("-c:v", "ffv1", "-level", "3", "-slices", "4", "-fps_mode", "passthrough")


@dataclass(frozen=True)
class Film:
    """`seen` is the filter through which source and results go before they are compared, since
    that is how the platform shows them. `bytes_factor` is how many times a bare ffmpeg's bytes it
    may take; None where the two do not make the same pictures. `share` is that of the seconds.
    """

    name: str
    size: str
    seen: str
    bytes_factor: float | None
    extra: str = ""
    share: float = 1.0
    is_hdr: bool = False

    def make(self, folder: Path, seconds: int) -> tuple[Path, Path]:
        """Make the source without loss; return it, and what its pictures are measured against."""
        source, master = folder / "source.mkv", folder / "master.mkv"
        rich = _RICH.format(size=self.size, rate=30, seconds=seconds * self.share)
        picture = ("-f", "lavfi", "-i", f"{rich}{self.extra},format=yuv420p")
        ffmpeg(*picture, *_LOSSLESS, str(master))
        if not self.is_hdr:
            return master, master
        ffmpeg("-i", str(master), "-vf", _TO_PQ, *_LOSSLESS, *_TOLD_PQ, str(source))
        return source, master

    def likeness(self, made: Path, master: Path) -> float:
        """Return how alike a result and what it was made of are to see: SSIM of the luma, 0–1."""
        chain = f"{self.seen},format=yuv420p,setpts=N"
        graph = f"[0:v]{chain}[made];[1:v]{chain}[master];[made][master]ssim=shortest=1"
        told = ffmpeg("-i", str(made), "-i", str(master), "-lavfi", graph, "-f", "null", "-")
        found = _SSIM.search(told)
        assert found is not None, told
        return float(found.group(1))


FILMS: Sequence[Film] = (
    Film("transcoding, plain video", "540x960", "fps=30", bytes_factor=2.5),
    Film("transcoding, variable frame rate", "540x960", "fps=30", bytes_factor=2.5, extra=_UNEVEN),
    # Nobody shows more than 1080p: what is larger is scaled down on the way.
    Film(
        "transcoding, larger than 1080p",
        "1296x2304",
        "fps=30,scale=1080:1920:flags=bicubic",
        1.5,
        share=0.5,
    ),
    Film("transcoding, HDR", "540x960", "fps=30", bytes_factor=None, is_hdr=True),
)


def ffmpeg(*arguments: str) -> str:
    """Run ffmpeg and return what it said."""
    command = [find_ffmpeg().path, "-hide_banner", "-nostdin", "-y", *arguments]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    return answer.stderr
