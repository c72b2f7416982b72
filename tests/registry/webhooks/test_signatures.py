"""The signature, against an example that the specification's own libraries are tested with."""

from registry.webhooks.signatures import new_secret, signature


def test_the_example_of_the_specification() -> None:
    signed = signature(
        secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_each_part_matters() -> None:
    words = {"secret": new_secret(), "message_id": "1", "timestamp": 1, "body": b"{}"}
    others = {"secret": new_secret(), "message_id": "2", "timestamp": 2, "body": b"[]"}
    signed = {signature(**words)}  # type: ignore[arg-type]
    signed |= {signature(**words | {name: other}) for name, other in others.items()}  # type: ignore[arg-type]

    assert len(signed) == 5


def test_a_secret_is_long_random_and_fits_its_column() -> None:
    one, other = new_secret(), new_secret()

    assert one != other
    assert one.startswith("whsec_")
    assert len(one) == 50
