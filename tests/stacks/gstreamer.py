#!/usr/bin/python3
"""GStreamer's webrtcbin as publisher (WHIP) or viewer (WHEP): see tests/src/stack.rs.

    gstreamer.py publish|watch URL CODEC

Writes what it has counted as a line of JSON every 200 ms; ends, and deletes its session, when its input is closed.
Needs Debian's python3-gi, gir1.2-gst-plugins-bad-1.0 and the plugins named in tests/run.
"""

import hashlib
import json
import re
import ssl
import subprocess
import sys
import threading
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

WIDTH, HEIGHT, FPS = 320, 180, 15
ENCODERS = {
    "VP8": "vp8enc deadline=1 keyframe-max-dist=30 ! rtpvp8pay picture-id-mode=15-bit",
    "H264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=30 bitrate=300"
    " ! video/x-h264,profile=constrained-baseline ! rtph264pay config-interval=-1 aggregate-mode=zero-latency",
}
VIDEO = "application/x-rtp,media=video,encoding-name={},payload=96,clock-rate=90000"
AUDIO = "application/x-rtp,media=audio,encoding-name=OPUS,payload=97,clock-rate=48000,encoding-params=(string)2"
# What a viewer must say of a codec to be given it.
FORMATS = {"VP8": "", "H264": ",packetization-mode=(string)1,profile-level-id=(string)42e01f"}

PUBLISH = (
    "webrtcbin name=peer"
    f" videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width={WIDTH},height={HEIGHT},framerate={FPS}/1"
    " ! queue ! {encoder} pt=96 ! {video} ! peer."
    " audiotestsrc is-live=true ! audioconvert ! audioresample ! queue ! opusenc ! rtpopuspay pt=97 ! {audio} ! peer."
)

counted = {"state": "new", "video_frames": 0, "width": 0, "height": 0, "audio_frames": 0}
loop = GLib.MainLoop()


class Peer:
    """One session, from offer to DELETE."""

    def __init__(self, role, url, codec):
        self.url = url
        self.resource = None
        self.posted = False
        video = VIDEO.format(codec)
        if role == "publish":
            self.pipeline = Gst.parse_launch(PUBLISH.format(encoder=ENCODERS[codec], video=video, audio=AUDIO))
        else:
            self.pipeline = Gst.Pipeline.new()
            self.pipeline.add(Gst.ElementFactory.make("webrtcbin", "peer"))
        self.bin = self.pipeline.get_by_name("peer")
        self.bin.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        # GStreamer 1.22 makes itself an RSA certificate; our DTLS takes ECDSA alone, as WebRTC asks for (RFC 8827 §6.5).
        self.certificate = newly_certified()
        self.pipeline.connect("deep-element-added", certify, self.certificate)
        # Loopback is left out of the addresses that libnice looks for by itself. The binding takes the agent's only reference,
        # so it must be kept.
        self.agent = self.bin.get_property("ice-agent")
        self.agent.emit("add-local-ip-address", "127.0.0.1")
        self.bin.connect("on-negotiation-needed", self.offer)
        self.bin.connect("notify::ice-gathering-state", lambda *_: self.post())
        self.bin.connect("notify::connection-state", lambda *_: self.note_state())
        self.bin.connect("pad-added", self.decode)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", fail)
        if role == "watch":
            direction = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
            for caps in (video + FORMATS[codec], AUDIO):
                self.bin.emit("add-transceiver", direction, Gst.Caps.from_string(caps))
        self.pipeline.set_state(Gst.State.PLAYING)

    def offer(self, _bin):
        self.bin.emit("create-offer", None, Gst.Promise.new_with_change_func(self.offered))

    def offered(self, promise):
        reply = promise.get_reply()  # It owns the offer.
        self.bin.emit("set-local-description", reply.get_value("offer"), None)

    def post(self):
        """Sends the offer once all candidates are in it."""
        complete = self.bin.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE
        if not complete or self.posted:
            return
        self.posted = True
        description = self.bin.get_property("local-description")  # It owns the text.
        # The text was written before the certificate was exchanged.
        offer = re.sub("(?<=a=fingerprint:sha-256 ).*", fingerprint(self.certificate), description.sdp.as_text()).encode()
        request = urllib.request.Request(self.url, offer, {"Content-Type": "application/sdp"})
        with urllib.request.urlopen(request, timeout=10) as response:
            self.resource = urllib.request.urljoin(self.url, response.headers["Location"])
            answer = response.read()
        _, message = GstSdp.SDPMessage.new()
        GstSdp.sdp_message_parse_buffer(answer, message)
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self.bin.emit("set-remote-description", answer, None)

    def note_state(self):
        counted["state"] = self.bin.get_property("connection-state").value_nick

    def decode(self, _bin, pad):
        """Decodes what arrives, and counts it."""
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        decoder = Gst.ElementFactory.make("decodebin")
        decoder.connect("pad-added", self.count)
        self.pipeline.add(decoder)
        decoder.sync_state_with_parent()
        pad.link(decoder.get_static_pad("sink"))

    def count(self, _decoder, pad):
        kind = pad.get_current_caps().get_structure(0).get_name().split("/")[0]
        sink = Gst.ElementFactory.make("fakesink")
        sink.set_property("sync", False)
        sink.set_property("signal-handoffs", True)
        sink.connect("handoff", self.counted, kind)
        self.pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))

    @staticmethod
    def counted(_sink, _buffer, pad, kind):
        counted[f"{kind}_frames"] += 1
        if kind == "video":
            caps = pad.get_current_caps().get_structure(0)
            counted["width"], counted["height"] = caps.get_value("width"), caps.get_value("height")

    def close(self):
        self.pipeline.set_state(Gst.State.NULL)
        if self.resource:
            urllib.request.urlopen(urllib.request.Request(self.resource, method="DELETE"), timeout=10)


def newly_certified():
    """A private key on P-256 and its certificate, PEM."""
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=gstreamer -keyout - -out -"
    return subprocess.run(make.split(), check=True, capture_output=True, text=True).stdout


def fingerprint(pem):
    """SHA-256 as SDP writes it. RFC 8122."""
    (certificate,) = re.findall("-----BEGIN CERTIFICATE-----.*-----END CERTIFICATE-----", pem, re.DOTALL)
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest().upper()
    return ":".join(re.findall("..", digest)) + "\r"


def certify(_pipeline, _bin, element, pem):
    if element.get_factory().get_name() == "dtlssrtpdec":
        element.set_property("pem", pem)


def fail(_bus, message):
    print(message.parse_error(), file=sys.stderr)
    loop.quit()


def tell():
    print(json.dumps(counted), flush=True)
    return True


def until_input_ends():
    sys.stdin.read()
    GLib.idle_add(loop.quit)


def main():
    Gst.init(None)
    peer = Peer(*sys.argv[1:4])
    GLib.timeout_add(200, tell)
    threading.Thread(target=until_input_ends, daemon=True).start()
    loop.run()
    peer.close()


main()
