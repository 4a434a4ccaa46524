"""Server clients speak each server's own protocol, mean masks as it does, and survive servers that behave badly."""

from __future__ import annotations

import time

import image_servers
import numpy as np
import pytest
from image_servers import Comfy, Server, colour_of

import limbfix
from limbfix.errors import InpainterMissing, RepairError, ServerError, UsageError
from limbfix.generators import Automatic1111, ComfyUI, OpenAIImages
from limbfix.inpainting import Inpainter, InpaintRequest, Mask

pytestmark = pytest.mark.enable_socket  # the servers listen on 127.0.0.1

TEXT_GRAPH = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 0, "steps": 20, "denoise": 1.0, "positive": ["6", 0]}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ""}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "x"}},
}
PICTURE_GRAPH = TEXT_GRAPH | {"10": {"class_type": "LoadImage", "inputs": {"image": "example.png"}}}
MASK_GRAPH = PICTURE_GRAPH | {
    "11": {"class_type": "LoadImageMask", "inputs": {"image": "example.png", "channel": "alpha"}}
}
NODES = {"prompt": "6.text", "seed": "3.seed", "output": "9"}


@pytest.fixture
def serve():
    servers = []

    def start(answer):
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def request_with_square(purpose="redraw", seeds=(3, 4)) -> InpaintRequest:
    pixels = np.random.default_rng(0).integers(1, 255, (32, 48, 3), dtype=np.uint8)
    edit = np.zeros((32, 48), np.float32)
    edit[8:16, 20:40] = 1
    edit[7, 20:40] = 0.25  # a feathered border
    return InpaintRequest(
        pixels=pixels, mask=Mask(edit=edit), purpose=purpose, seeds=seeds, prompt="a hand", strength=0.6
    )


def assert_painted_inside_only(request: InpaintRequest, pictures, seeds) -> None:
    inside = request.mask.edit > 0.5
    assert len(pictures) == len(seeds)
    for picture, seed in zip(pictures, seeds, strict=True):
        assert picture.dtype == np.uint8
        assert (picture[inside] == colour_of(seed)).all()
        assert (picture[request.mask.edit == 0] == request.pixels[request.mask.edit == 0]).all()


def test_a1111_renders_from_text_and_the_picture_keeps_its_parameters(serve):
    server = serve(image_servers.a1111)
    client = Automatic1111(server.url, defaults={"steps": 5})
    image = client("a wave", seed=12, width=64, height=32)
    assert image.size == (64, 32)
    assert image.info["parameters"].startswith("a wave")
    assert image.info["limbfix_seed"] == "12"
    (body,) = server.bodies("/sdapi/v1/txt2img")
    assert (body["steps"], body["seed"], body["batch_size"]) == (5, 12, 1)


def test_a1111_paints_where_the_mask_is_white(serve):
    server = serve(image_servers.a1111)
    client, request = Automatic1111(server.url), request_with_square()
    assert isinstance(client, Inpainter)
    assert_painted_inside_only(request, client.inpaint(request), request.seeds)
    bodies = server.bodies("/sdapi/v1/img2img")
    assert [body["seed"] for body in bodies] == [3, 4]
    assert (bodies[0]["denoising_strength"], bodies[0]["mask_blur"], bodies[0]["inpaint_full_res"]) == (0.6, 0, False)


def test_a_gated_server_is_asked_again_with_another_seed(serve):
    from fake_gate import make_fake_record

    from limbfix.inspections import Inspection

    words = ["reject", "pass"]

    class Gate:
        def inspect_picture(self, picture):
            return Inspection(record=make_fake_record(picture.path, picture.sha256, words.pop(0)), picture=picture)

    server = serve(image_servers.a1111)
    done = limbfix.wrap(Automatic1111(server.url), gate=Gate()).with_reports("a wave", seed=5)
    (report,) = done.reports
    assert [body["seed"] for body in server.bodies("/sdapi/v1/txt2img")] == [
        attempt.seed for attempt in report.attempts
    ]
    assert report.is_reproducible
    assert "Seed: " in done.value.info["parameters"]


def test_comfyui_queues_waits_and_fetches(serve):
    comfy = Comfy(slow_looks=2)
    server = serve(comfy)
    client = ComfyUI(TEXT_GRAPH, NODES, url=server.url)
    image = client("a wave", seed=9)
    assert np.array_equal(np.asarray(image), np.random.default_rng(9).integers(1, 255, (64, 64, 3), dtype=np.uint8))
    assert comfy.looks == {"job-0": 3}
    (body,) = server.bodies("/prompt")
    assert body["prompt"]["6"]["inputs"]["text"] == "a wave"
    assert TEXT_GRAPH["6"]["inputs"]["text"] == ""
    assert "KSampler" in image.info["prompt"]


def test_comfyui_takes_a_white_mask_from_a_colour_channel_whatever_the_workflow_said(serve):
    server = serve(Comfy())
    client = ComfyUI(
        MASK_GRAPH, NODES | {"image": "10.image", "mask": "11.image", "strength": "3.denoise"}, url=server.url
    )
    request = request_with_square()
    assert_painted_inside_only(request, client.inpaint(request), request.seeds)
    assert server.bodies("/prompt")[0]["prompt"]["3"]["inputs"]["denoise"] == 0.6
    assert len([path for _, path, _ in server.seen if path == "/upload/image"]) == 2


def test_comfyui_takes_a_mask_from_alpha_where_transparent_is_edit(serve):
    server = serve(Comfy())
    client = ComfyUI(PICTURE_GRAPH, NODES | {"image": "10.image"}, url=server.url)
    request = request_with_square()
    assert_painted_inside_only(request, client.inpaint(request), request.seeds)


def test_openai_edits_where_the_mask_is_transparent_and_says_that_it_has_no_seeds(serve):
    server = serve(image_servers.openai)
    client, request = OpenAIImages(f"{server.url}/v1", model="m", api_key="secret-key"), request_with_square(seeds=(0,))
    picture = client.inpaint(request)[0]
    assert (picture[request.mask.edit > 0] == colour_of(0)).all()
    assert (picture[request.mask.edit == 0] == request.pixels[request.mask.edit == 0]).all()
    assert not client.has_seeds
    assert not limbfix.capabilities(client).has_seeds
    assert client("a wave").size == (64, 64)
    assert "secret" not in repr(client)


@pytest.mark.parametrize("field", ["batch_size", "n_iter", "n"])
def test_several_pictures_at_once_are_refused_before_anything_is_rendered(serve, field):
    server = serve(image_servers.openai if field == "n" else image_servers.a1111)

    def client(**options):
        if field == "n":
            return OpenAIImages(f"{server.url}/v1", model="m", api_key="secret-key", **options)
        return Automatic1111(server.url, **options)

    with pytest.raises(UsageError, match=f"{field}: expected 1, got 4"):
        client(defaults={field: 4})
    with pytest.raises(UsageError, match="one picture"):
        limbfix.wrap(client(), gate=object())("a wave", **{field: 4})
    assert not server.seen
    again = client(defaults={field: 1})("a wave", **({} if field == "n" else {"seed": 1}))
    assert again.size == (64, 64)


def test_a_wrong_key_is_told_in_the_servers_words_and_the_key_is_not(serve):
    client = OpenAIImages(f"{serve(image_servers.openai).url}/v1", model="m", api_key="wrong-key")
    with pytest.raises(ServerError, match=r"401.*Incorrect API key") as caught:
        client("a wave")
    assert "wrong-key" not in str(caught.value)


def test_a_server_that_means_masks_the_other_way_round_is_found_out(serve):
    with pytest.raises(RepairError, match="other way round"):
        Automatic1111(serve(image_servers.inverted).url).inpaint(request_with_square())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (image_servers.failing, "status 200, got 500"),
        (image_servers.web_page, "web page.*--api"),
        (image_servers.no_picture, "PNG, JPEG or WebP"),
    ],
)
def test_what_is_no_picture_is_a_clear_error(serve, answer, words):
    client = Automatic1111(serve(answer).url)
    with pytest.raises(ServerError, match=words) as caught:
        client("a wave", seed=1)
    assert "\x1b" not in str(caught.value)
    with pytest.raises(RepairError, match=words):
        client.inpaint(request_with_square())


def test_a_picture_of_another_size_is_no_repair(serve):
    with pytest.raises(RepairError, match="48 x 32 px, got 16 x 16"):
        Automatic1111(serve(image_servers.small_picture).url).inpaint(request_with_square())


@pytest.mark.parametrize("answer", [image_servers.hanging, image_servers.trickling])
def test_a_server_that_hangs_is_given_up_in_time(serve, answer):
    client = Automatic1111(serve(answer).url, timeout_s=0.5)
    began = time.monotonic()
    with pytest.raises(ServerError, match=r"within 0\.5 s"):
        client("a wave", seed=1)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("answer", [image_servers.huge_announced, image_servers.huge_unannounced])
def test_a_body_of_200_mb_is_refused_early(serve, answer):
    server = serve(answer)
    with pytest.raises(ServerError, match="expected at most 8 MiB"):
        Automatic1111(server.url, max_bytes=8 << 20)("a wave", seed=1)
    assert server.poured < 60


def test_a_server_that_is_busy_is_asked_again_and_one_that_is_not_there_is_told(serve, monkeypatch):
    monkeypatch.setattr("limbfix.generators.transport.RETRY_PAUSE_SECONDS", 0.01)
    looks = []

    def busy(handler, method, path, body):
        looks.append(path)
        if len(looks) < 3:
            handler.send({"detail": "busy"}, 503)
        else:
            image_servers.a1111(handler, method, path, body)

    assert Automatic1111(serve(busy).url)("a wave", seed=1).size == (64, 64)
    gone = serve(image_servers.a1111)
    gone.close()
    with pytest.raises(ServerError, match="expected a server there, got none after 3 attempts"):
        Automatic1111(gone.url)("a wave", seed=1)


@pytest.mark.parametrize("status", [502, 504])
def test_a_render_that_may_still_run_behind_a_gateway_is_never_paid_twice(serve, monkeypatch, status):
    monkeypatch.setattr("limbfix.generators.transport.RETRY_PAUSE_SECONDS", 0.01)
    server = serve(lambda handler, method, path, body: handler.send({}, status))
    with pytest.raises(ServerError, match=f"got status {status} from a gateway; it was not sent again.*Look there"):
        OpenAIImages(f"{server.url}/v1", model="m")("a wave")
    assert len(server.seen) == 1


def test_what_starts_nothing_is_asked_again_through_a_gateway(serve, monkeypatch):
    monkeypatch.setattr("limbfix.generators.transport.RETRY_PAUSE_SECONDS", 0.01)
    comfy, looks = Comfy(), []

    def flaky(handler, method, path, body):
        looks.append((method, path))
        if method == "GET" and len(looks) == 2:
            handler.send({}, 504)
        else:
            comfy(handler, method, path, body)

    assert ComfyUI(TEXT_GRAPH, NODES, url=serve(flaky).url)("a wave", seed=1).size == (64, 64)
    assert looks[1] == looks[2] and [method for method, _ in looks].count("POST") == 1


def test_a_failed_workflow_names_its_node(serve):
    with pytest.raises(ServerError, match=r"node 3 \(KSampler\): out of memory"):
        ComfyUI(TEXT_GRAPH, NODES, url=serve(Comfy(fails=True)).url)("a wave", seed=1)


def test_a_job_that_takes_too_long_is_taken_back_and_nobody_elses(serve):
    comfy = Comfy(slow_looks=10_000)
    comfy.history["another"] = {}
    with pytest.raises(ServerError, match="taken back"):
        ComfyUI(TEXT_GRAPH, NODES, url=serve(comfy).url, timeout_s=0.3)("a wave", seed=1)
    assert comfy.deleted == ["job-1"]
    assert comfy.interrupted == ["job-1"]


@pytest.mark.parametrize(
    ("workflow", "nodes", "words"),
    [
        ({"nodes": [], "links": []}, {}, "Export"),
        ({}, {}, "API format"),
        (TEXT_GRAPH, {"prompt": "7.text"}, "it has 3, 6, 9"),
        (TEXT_GRAPH, {"prompt": "6.words"}, "it has text"),
        (TEXT_GRAPH, {"promt": "6.text"}, "promt"),
        ("no such file.json", {}, "readable|No such file"),
    ],
)
def test_a_workflow_that_does_not_fit_is_refused_before_anything_is_sent(workflow, nodes, words):
    with pytest.raises(UsageError, match=words):
        ComfyUI(workflow, nodes)


def test_a_workflow_without_a_picture_cannot_repair():
    with pytest.raises(InpainterMissing, match=r"node id\.image"):
        ComfyUI(TEXT_GRAPH, NODES).inpaint(request_with_square())


def test_an_empty_mask_is_never_sent():
    request = request_with_square()
    empty = InpaintRequest(
        pixels=request.pixels, mask=Mask(edit=np.zeros((32, 48), np.float32)), purpose="redraw", seeds=(1,)
    )
    for client in (Automatic1111(), OpenAIImages("http://127.0.0.1:9", model="m")):
        with pytest.raises(RepairError, match="empty"):
            client.inpaint(empty)


@pytest.mark.parametrize(
    "url", ["127.0.0.1:7860", "file:///etc/passwd", "", "ftp://a", "http://[", "http://a:99999", "http://a:x"]
)
def test_only_web_addresses_are_servers(url):
    with pytest.raises(UsageError, match="expected an address"):
        Automatic1111(url)


def test_a_password_in_the_address_is_sent_and_never_shown(serve):
    server = serve(image_servers.failing)
    client = Automatic1111(server.url.replace("http://", "http://me:pass%40word@"))
    with pytest.raises(ServerError) as caught:
        client("a wave", seed=1)
    assert "pass" not in str(caught.value) + repr(client)
    assert client.link._client.auth is not None


def test_a_picture_on_another_host_is_fetched_without_key_and_password(serve):
    visits = []

    def other(handler, method, path, body):
        visits.append(dict(handler.headers))
        handler.send(image_servers.png_of(np.full((8, 8, 3), 90, np.uint8)), kind="image/png")

    elsewhere = serve(other).url
    server = serve(lambda handler, *_: handler.send({"data": [{"url": f"{elsewhere}/x.png"}]}))
    for address, more in ((server.url.replace("//", "//me:password@"), {}), (server.url, {"api_key": "secret-key"})):
        assert OpenAIImages(address, model="m", **more)("a wave").size == (8, 8)
    assert len(visits) == 2
    assert not [name for visit in visits for name in visit if name.lower() == "authorization"]


@pytest.mark.parametrize(
    "address", ["http://[", "http://host:x/", f"http://{'a' * 70}/", "http://a..b/", "http://a\x1b/", "file:///x", 7]
)
def test_an_address_of_a_picture_that_is_none_is_a_clear_error(serve, address):
    server = serve(lambda handler, *_: handler.send({"data": [{"url": address}]}))
    with pytest.raises(ServerError, match="expected") as caught:
        OpenAIImages(server.url, model="m")("a wave")
    assert "\x1b" not in str(caught.value)


def test_a_server_that_sends_elsewhere_is_not_followed(serve):
    def elsewhere(handler, method, path, body):
        handler.send_response(302)
        handler.send_header("Location", "http://127.0.0.1:1/")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with pytest.raises(ServerError, match="status 200, got 302"):
        Automatic1111(serve(elsewhere).url)("a wave", seed=1)
