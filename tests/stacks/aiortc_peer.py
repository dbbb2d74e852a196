#!/usr/bin/env python3
"""aiortc as publisher (WHIP) or viewer (WHEP): see tests/src/stack.rs.

    aiortc_peer.py publish|watch URL CODEC

Writes what it has counted as a line of JSON every 200 ms; ends, and deletes its session, when its input is closed.
"""

import asyncio
import fractions
import json
import math
import sys
import urllib.parse
import urllib.request

import aioice.ice
import av
from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError

WIDTH, HEIGHT = 320, 180
AUDIO_RATE, AUDIO_SAMPLES = 48000, 960

# aioice leaves loopback out of the addresses that it looks for by itself.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]

counted = {"state": "new", "video_frames": 0, "width": 0, "height": 0, "audio_frames": 0}


class Picture(VideoStreamTrack):
    """Grey that grows lighter."""

    async def recv(self):
        pts, time_base = await self.next_timestamp()
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        levels = (16 + pts // 3000 % 200, 128, 128)
        for plane, level in zip(frame.planes, levels):
            plane.update(bytes([level]) * plane.buffer_size)
        frame.pts, frame.time_base = pts, time_base
        return frame


class Tone(AudioStreamTrack):
    """440 Hz, mono, in real time."""

    def __init__(self):
        super().__init__()
        self.sent = 0
        self.start = None

    async def recv(self):
        now = asyncio.get_running_loop().time()
        self.start = self.start or now
        await asyncio.sleep(max(0, self.start + self.sent / AUDIO_RATE - now))
        frame = av.AudioFrame("s16", "mono", AUDIO_SAMPLES)
        samples = (
            round(8000 * math.sin(2 * math.pi * 440 * (self.sent + index) / AUDIO_RATE)) for index in range(AUDIO_SAMPLES)
        )
        frame.planes[0].update(b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples))
        frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE, self.sent, fractions.Fraction(1, AUDIO_RATE)
        self.sent += AUDIO_SAMPLES
        return frame


async def count(track):
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        counted[f"{track.kind}_frames"] += 1
        if track.kind == "video":
            counted["width"], counted["height"] = frame.width, frame.height


def prepare(peer, role, codec):
    if role == "publish":
        peer.addTransceiver(Picture(), direction="sendonly")
        peer.addTransceiver(Tone(), direction="sendonly")
    else:
        peer.addTransceiver("video", direction="recvonly")
        peer.addTransceiver("audio", direction="recvonly")
    codecs = RTCRtpSender.getCapabilities("video").codecs
    wanted = [one for one in codecs if one.mimeType in (f"video/{codec}", "video/rtx")]
    peer.getTransceivers()[0].setCodecPreferences(wanted)


def post(url, offer):
    request = urllib.request.Request(url, offer.encode(), {"Content-Type": "application/sdp"})
    with urllib.request.urlopen(request, timeout=10) as response:
        return urllib.parse.urljoin(url, response.headers["Location"]), response.read().decode()


def delete(resource):
    urllib.request.urlopen(urllib.request.Request(resource, method="DELETE"), timeout=10)


async def tell():
    while True:
        print(json.dumps(counted), flush=True)
        await asyncio.sleep(0.2)


async def main(role, url, codec):
    peer = RTCPeerConnection()
    tasks = [asyncio.create_task(tell())]
    peer.on("track", lambda track: tasks.append(asyncio.create_task(count(track))))
    peer.on("connectionstatechange", lambda: counted.update(state=peer.connectionState))
    prepare(peer, role, codec)
    # aiortc gathers all candidates before this returns.
    await peer.setLocalDescription(await peer.createOffer())
    resource, answer = await asyncio.to_thread(post, url, peer.localDescription.sdp)
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.to_thread(delete, resource)
    await peer.close()


asyncio.run(main(*sys.argv[1:4]))
