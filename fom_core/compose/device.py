class DevicePainter: pass
