source /tmp/kit/env data
python /tmp/datab/rooms.py && python /tmp/datab/sketch.py && nbdev_export 2>&1 | tail -3
wc -l fashion_cnn/data/*.py fashion_cnn/sketch.py | tail -1; awk 'length>100 && !/__all__/{print FILENAME": "$0}' fashion_cnn/data/*.py fashion_cnn/sketch.py
